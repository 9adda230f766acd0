"""A project is a folder; ``Project`` is the one object that pages, the command line and notebooks talk to."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.config import (
    AnglesConfig,
    BenchConfig,
    CalibrateConfig,
    DampingConfig,
    DataConfig,
    FlagConfig,
    LeakConfig,
    MapConfig,
    MemorizeConfig,
    ModelConfig,
    PreviewConfig,
    RemedyConfig,
    RetrainConfig,
    ScoreConfig,
    ShiftConfig,
    TrainConfig,
    from_dict,
    to_dict,
)
from attribution.errors import UserError
from attribution.jobs import Job, JobBoard
from attribution.progress import Progress
from attribution.storage import database, selections
from attribution.storage.files import file_hash, read_json, write_json
from attribution.storage.ledger import Edit, Ledger
from attribution.workspace import home as homes
from attribution.workspace import lookup
from attribution.workspace.decisions import Decisions, SampleState
from attribution.workspace.steps import STEPS, prepare, query_rows, title

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.angles import AnglesResult
    from attribution.comparisons import Comparison
    from attribution.costs.result import Forecast
    from attribution.datasets.dataset import Dataset, DatasetInfo, Labels
    from attribution.evaluation import BenchResult
    from attribution.evaluation.damping import DampingResult
    from attribution.findings.budget import Budget
    from attribution.findings.calibration import CalibrationResult
    from attribution.findings.categories import Categories
    from attribution.findings.leak_result import LeakResult
    from attribution.findings.memorization import MemorizationResult
    from attribution.findings.mislabels import FlagResult
    from attribution.findings.remedies import Remedy
    from attribution.findings.shift import ShiftResult
    from attribution.mapping import MapResult
    from attribution.previews import Preview
    from attribution.runs import Run
    from attribution.scoring import ScoreResult
    from attribution.workspace.lookup import InfluenceView

    Rows = Sequence[int] | np.ndarray


@lru_cache(maxsize=8)
def _dataset(folder: Path, changed_ns: int) -> "Dataset":
    from attribution.datasets.dataset import Dataset

    return Dataset.open(folder)


class Project:
    """One project folder. Cheap to open: everything heavy is read or imported when asked for.

    Reads: ``info samples labels states runs predictions influence affected_by flags map angles comparisons benches dampings edits jobs``.
    Decisions: ``relabel drop keep undo redo revert``. Work in this process: ``train adopt score flag embed angle retrain compare``;
    Reads: ``info samples labels states runs predictions influence affected_by flags leaks map comparisons benches dampings edits
    jobs``.
    Decisions: ``relabel drop keep undo redo revert``. Work in this process: ``train adopt score flag find_leaks embed retrain compare``;
    the same in the background: ``submit``.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self._settings = folder, settings
        self._board = JobBoard(folder)
        self._db = folder / "project.db"

    # --- opening -----------------------------------------------------------------------------------------------------------------

    @staticmethod
    def open(folder: str | Path) -> "Project":
        """Open a project by folder, or by name in ``home()``; ``UserError`` when there is none."""
        path = homes.find(folder)
        database.create(path / "project.db")
        return Project(path, read_json(path / "project.json"))

    @staticmethod
    def create(
        folder: str | Path,
        data: DataConfig,
        model: ModelConfig | None = None,
        train: TrainConfig | None = None,
        *,
        trust_code: bool = False,
        progress: Progress | None = None,
    ) -> "Project":
        """Import the data and make the project folder, whole or not at all.

        ``trust_code`` allows the code file that ``model.name`` points to to be run, as it is now: its hash is stored and a changed
        file is refused. ``train=None`` takes the recipe that suits the modality. Raises ``UserError`` for bad data, an existing
        folder, untrusted code, or a network that does not fit the data.
        """
        return Project.open(homes.create(folder, data, model or ModelConfig(), train, trust_code, progress or Progress()))

    @staticmethod
    def sample(name: str, folder: str | Path | None = None, progress: Progress | None = None) -> "Project":
        """The bundled sample ``fashion``, ``text``, ``tabular`` or ``moons``, with its finished results; made on first use, opened afterwards."""
        return Project.open(homes.create_sample(name, folder, progress or Progress()))

    # --- what it is --------------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def model_config(self) -> ModelConfig:
        """The network that this project trains."""
        return from_dict(ModelConfig, self._settings["model"])

    @property
    def train_config(self) -> TrainConfig:
        """The training recipe."""
        return from_dict(TrainConfig, self._settings["train"])

    @property
    def data_config(self) -> DataConfig:
        """Where the data came from."""
        return from_dict(DataConfig, self._settings["data"])

    @property
    def trusted(self) -> bool:
        """Whether the model's code file may run: the user trusted it and it has not changed since. ``UserError`` if it has."""
        code = self._settings.get("trusted_code")
        if not code:
            return False
        path = Path(code["path"])
        if not path.exists() or file_hash(path) != code["hash"]:
            raise UserError(
                f"{path} is not the file that was trusted for this project (changed or gone).",
                "Code runs only as it was when you confirmed it.",
                "Read it again, then run `datablame trust`.",
            )
        return True

    def trust_code(self) -> None:
        """Trust the model's code file as it is now."""
        code = homes.code_file(self.model_config)
        if code is None:
            raise UserError("This project's model is built in.", "There is no code file to trust.")
        self._settings["trusted_code"] = {"path": str(code), "hash": file_hash(code)}
        write_json(self.folder / "project.json", self._settings)

    @property
    def dataset(self) -> "Dataset":
        """The samples, as imported."""
        return _dataset(self.folder / "data", (self.folder / "data" / "dataset.json").stat().st_mtime_ns)

    @property
    def info(self) -> "DatasetInfo":
        """Name, modality, classes, shapes and counts of the data."""
        return self.dataset.info

    @property
    def first_look(self) -> dict[str, Any]:
        """What the network said when the project was made: ``weights`` (given or untrained), ``parameters`` (count), and ``samples``, ten
        of ``{row, id, label, prediction, confidence, loss}``; losses in nats. Empty for a project made before this was kept."""
        path = self.folder / "first_look.json"
        return read_json(path) if path.exists() else {}

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.info.classes

    @property
    def samples(self) -> "pd.DataFrame":
        """One line per sample, in row order (``Dataset.samples``)."""
        return self.dataset.samples

    # --- the ledger --------------------------------------------------------------------------------------------------------------

    @property
    def _decisions(self) -> Decisions:
        return Decisions(self._db, self.dataset)

    @property
    def ledger(self) -> Ledger:
        """The append-only edits, by sample id."""
        return self._decisions.ledger

    @property
    def labels(self) -> "Labels":
        """The current version: base labels plus edits."""
        return self._decisions.labels()

    def versions(self) -> "pd.DataFrame":
        """Every data version that is the base, was trained on, or is current; columns version, runs (count), base, current."""
        import pandas as pd

        current, base = self.labels.version, self.dataset.base_version().version
        trained = [run.version for run in reversed(self.runs())]
        names = list(dict.fromkeys([base, *trained, current]))
        table = {"version": names, "runs": [trained.count(name) for name in names]}
        return pd.DataFrame({**table, "base": [name == base for name in names], "current": [name == current for name in names]})

    def sample_state(self, row: int) -> SampleState:
        """One sample's current label, whether it is trained on, and the review's verdict."""
        return self._decisions.state(int(row))

    def states(self) -> "pd.DataFrame":
        """The edited samples, indexed by row: label, active, verdict (relabel, drop, keep or empty after an undo), base_label, edit."""
        return self._decisions.states()

    def relabel(self, rows: "Rows", label: int | str, **details: Any) -> list[Edit]:
        """Give these samples another label (class index or name); one batch, all or nothing. ``details``: reason, evidence, expect."""
        return self._decisions.decide("relabel", rows, self.class_index(label), **details)

    def drop(self, rows: "Rows", **details: Any) -> list[Edit]:
        """Take these samples out of training (and out of the test score, for test samples)."""
        return self._decisions.decide("drop", rows, **details)

    def keep(self, rows: "Rows", **details: Any) -> list[Edit]:
        """Record that these samples were looked at and their label is right."""
        return self._decisions.decide("keep", rows, **details)

    def undo(self) -> list[Edit]:
        """Take back the newest decision (a bulk action counts as one); [] when there is none."""
        return self.ledger.undo()

    def redo(self) -> list[Edit]:
        """Bring back what the newest undo took away; [] when there is nothing."""
        return self.ledger.redo()

    def revert(self, edit_ids: Sequence[int]) -> list[Edit]:
        """Take back chosen entries, all or nothing."""
        return self.ledger.revert(edit_ids)

    def edits(self) -> "pd.DataFrame":
        """The ledger, newest first: id, time, author, row, sample, action, old, new, reason, evidence, batch, reverts, reverted.

        ``old`` and ``new`` are words ("Shirt", "Shirt, dropped"); ``time`` is UTC; ``evidence`` is a dict.
        """
        return self._decisions.table()

    def class_index(self, label: int | str) -> int:
        """Index of a class given by name or index; ``UserError`` listing the classes otherwise."""
        return self._decisions.class_index(label)

    def select(self, rows: "Rows", name: str = "") -> str:
        """Store a selection; the token goes into links."""
        return selections.save(self._db, rows, self.labels.version, name)

    def selection(self, token: str) -> tuple[list[int], str]:
        """``(rows, version)`` of a stored selection."""
        rows, version = selections.load(self._db, token)
        return rows.tolist(), version

    def selected(self, token: str) -> "np.ndarray":
        """Rows of a stored selection, ascending int64."""
        return selections.load(self._db, token)[0]

    def selections(self) -> list[tuple[str, str, int]]:
        """``(token, name, count)`` of the named selections, newest first."""
        return selections.named(self._db)

    # --- models ------------------------------------------------------------------------------------------------------------------

    def runs(self) -> "list[Run]":
        """Finished trainings, newest first."""
        from attribution.runs import Run

        return lookup.finished(self.folder / "runs", Run.open)

    @property
    def run(self) -> "Run | None":
        """The current model: the one trained or chosen last; else the first of the project's own seed, before any retraining."""
        runs = self.runs()
        chosen = self._setting("run")
        for run in runs:
            if run.id == chosen:
                return run
        own = [run for run in runs if run.train_config.seed == self.train_config.seed]
        return next(reversed(own or runs), None)

    def use_run(self, run_id: str) -> None:
        """Make a run the current model."""
        if run_id not in [run.id for run in self.runs()]:
            raise UserError(f"There is no finished run {run_id!r}.", "", "Run `datablame status` for those there are.")
        self._set("run", run_id)

    def _need_run(self, run_id: str = "") -> "Run":
        runs = {run.id: run for run in self.runs()}
        run = runs.get(run_id) if run_id else self.run
        if run is None and run_id:
            raise UserError(f"There is no finished run {run_id!r}.", "", "Run `datablame status` for those there are.")
        if run is None:
            do = "Train one: `datablame train`, or the button on the Overview page."
            raise UserError("There is no trained model yet.", "Influence is asked of a model.", do)
        return run

    def predictions(self, run: "Run | None" = None, known: "pd.DataFrame | None" = None) -> "pd.DataFrame":
        """What the model says of every sample, indexed by row.

        Columns: label (current, class index), prediction, confidence (probability of the prediction), p_label (of the current
        label), loss (nats), margin (label's log-probability minus the best other), correct. ``known``, an earlier answer for the same run
        and other labels, saves working out the rows whose label is the same.
        """
        run = run or self._need_run()
        return lookup.predictions(run.probabilities(), self.labels.values, known)

    # --- results -----------------------------------------------------------------------------------------------------------------

    def scores(self) -> "list[ScoreResult]":
        """Finished score runs, newest first."""
        from attribution.scoring import ScoreResult

        return lookup.finished(self.folder / "scores", ScoreResult.open)

    def find_query(self, estimator: str, query_rows: Sequence[int]) -> "tuple[ScoreResult, int] | None":
        """The score run and column that answer for these query rows, asked of the current model; current labels preferred."""
        run = self.run
        return lookup.find_query(self.scores(), run.id, self.labels.version, estimator, query_rows) if run else None

    def influence(self, query_rows: Sequence[int], estimator: str, k: int = 6) -> "InfluenceView | None":
        """The k most helpful and most harmful training samples of a query (one row, or several as a group); None if not scored yet."""
        found = self.find_query(estimator, query_rows)
        if found is None:
            return None
        return lookup.influence_view(*found, self.dataset.ids, self.labels.version, query_rows, k)

    def affected_by(self, row: int, estimator: str, k: int = 8) -> "pd.DataFrame | None":
        """The scored queries that training row ``row`` helps (side 1) and harms (side -1) most: query_row, id, side, rank, influence.

        Only queries of one sample each count; None when nothing was scored with this estimator.
        """
        run = self.run
        return lookup.affected_by(self.scores(), run.id, estimator, int(row), self.dataset.ids, k) if run else None

    def flags(self) -> "FlagResult | None":
        """The newest search for wrong labels, of the current model if there is one; ``version`` tells whether labels changed since."""
        from attribution.findings.mislabels import FlagResult

        run = self.run
        return lookup.newest_of(lookup.finished(self.folder / "flags", FlagResult.open), run.id if run else None)

    def categories(self) -> "Categories | None":
        """What kind of sample each searched training row is (mislabelled, hard, rare, leaked, duplicate, memorized, or ordinary), with the
        signals that decided; None before a search, or when its model is gone. Under a second for 10,000 samples, then kept in memory."""
        flags = self.flags()
        known = flags is not None and flags.run in {run.id for run in self.runs()}
        return self.categories_of(flags) if flags is not None and known else None

    def categories_of(self, flags: "FlagResult") -> "Categories":
        """``categories`` of a given search."""
        from attribution.findings.relations import sources

        run = self._need_run(flags.run)
        return lookup.categories(flags, run, self.dataset, sources(self.folder, run.id))

    def truth(self) -> "pd.DataFrame | None":
        """What is known to be wrong with the data, for the sample projects: ``read_truth`` of the table beside their data; else None.

        Nothing is computed from it but the table that compares it with the findings.
        """
        from attribution.findings.truth import read_truth

        return read_truth(self.dataset, self.data_config.path)

    def leaks(self) -> "LeakResult | None":
        """The newest search for leaks and duplicates, of the current model if there is one."""
        from attribution.findings.leak_result import LeakResult

        run = self.run
        return lookup.newest_of(lookup.finished(self.folder / "leaks", LeakResult.open), run.id if run else None)

    def map(self, space: str = "representation", method: str = "umap") -> "MapResult | None":
        """The newest finished map of this kind, of the current model if there is one."""
        from attribution.mapping import MapResult

        run = self.run
        fitting = [m for m in lookup.finished(self.folder / "maps", MapResult.open) if (m.space, m.method) == (space, method)]
        return lookup.newest_of(fitting, run.id if run else None)

    def angles(self, query_rows: Sequence[int]) -> "AnglesResult | None":
        """The measured angles to the mean loss of these rows, asked of the current model; one on the current labels is preferred."""
        from attribution.angles import AnglesResult

        run, wanted, version = self.run, tuple(sorted({int(row) for row in query_rows})), self.labels.version
        found = lookup.finished(self.folder / "angles", AnglesResult.open)
        fitting = [one for one in found if run is not None and one.run == run.id and one.query_rows == wanted]
        return min(fitting, key=lambda one: one.version != version, default=None)

    def comparisons(self) -> "list[Comparison]":
        """Finished before/after proofs, newest first."""
        from attribution.comparisons import Comparison

        return lookup.finished(self.folder / "retrains", Comparison.open)

    def calibration(self) -> "CalibrationResult | None":
        """The newest measurement of the queue on planted errors, of the current model if there is one."""
        from attribution.findings.calibration import CalibrationResult

        run = self.run
        return lookup.newest_of(lookup.finished(self.folder / "calibration", CalibrationResult.open), run.id if run else None)

    def budget(self, step: int = 50) -> "Budget | None":
        """Wrong labels left in the review queue and what the next ``step`` reviews would find, from the decisions made so far, the search's
        estimate and the calibration; None before a search."""
        flags = self.flags()
        return lookup.budget(flags, self.states(), self.calibration(), step) if flags is not None else None

    def shifts(self) -> "list[ShiftResult]":
        """Finished comparisons of test and training data, newest first."""
        from attribution.findings.shift import ShiftResult

        return lookup.finished(self.folder / "shifts", ShiftResult.open)

    def remedies(self) -> "list[Remedy]":
        """Finished searches for what harms a gap or robustness, with the sweep of removals, newest first."""
        from attribution.findings.remedies import Remedy

        return lookup.finished(self.folder / "remedies", Remedy.open)

    def memorizations(self) -> "list[MemorizationResult]":
        """Finished estimates of what is known by heart, newest first."""
        from attribution.findings.memorization import MemorizationResult

        return lookup.finished(self.folder / "memorizations", MemorizationResult.open)

    def benches(self, unfinished: bool = False) -> "list[BenchResult]":
        """Comparisons of estimators, newest first; with ``unfinished`` those still at work (or stopped) too, with the parts they have."""
        from attribution.evaluation import BenchResult

        folder = self.folder / "benches"
        if not unfinished:
            return lookup.finished(folder, BenchResult.open)
        begun = sorted(folder.glob("*/request.json"), key=lambda path: -path.stat().st_mtime_ns)
        return [BenchResult(path.parent) for path in begun]

    def dampings(self) -> "list[DampingResult]":
        """Finished sweeps over the damping, newest first."""
        from attribution.evaluation.damping import DampingResult

        return lookup.finished(self.folder / "dampings", DampingResult.open)

    def previews(self) -> "list[Preview]":
        """Finished previews of edits without retraining, newest first."""
        from attribution.previews import Preview

        return lookup.finished(self.folder / "previews", Preview.open)

    # --- work in this process ----------------------------------------------------------------------------------------------------

    def train(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Run":
        """Train the project's model on the current labels (or load the user's checkpoints); finished work is found, not repeated.

        The result becomes the current model, unless it was trained with another seed than the project's.
        """
        from attribution.training import adopt, train

        work, runs, recipe = progress or Progress(), self.folder / "runs", config or self.train_config
        if self.model_config.checkpoints and not self.ledger.last_id():
            run = adopt(self.dataset, self.labels, self.model_config, runs, work, trusted=self.trusted, device=recipe.device)
        else:
            run = train(self.dataset, self.labels, self._fresh_model(), recipe, runs, work, trusted=self.trusted)
        if recipe.seed == self.train_config.seed:
            self._set("run", run.id)
        return run

    def _fresh_model(self) -> ModelConfig:
        """The architecture alone: retraining starts from new weights, never from the user's checkpoints."""
        return from_dict(ModelConfig, {**to_dict(self.model_config), "checkpoints": []})

    def score(
        self, config: ScoreConfig | None = None, progress: Progress | None = None, part: tuple[int, int] | None = None
    ) -> "ScoreResult":
        """Influence of every training sample on the queries; ``part=(i, n)`` computes only every n-th shard, from the i-th."""
        from attribution.scoring import score

        config = config or ScoreConfig()
        run = self._need_run(config.run)
        queries = self.query_rows(config.queries, run)
        out, forecast = self.folder / "scores", self.find_forecast("score", config)
        told, work = forecast.told if forecast else None, progress or Progress()
        return score(self.dataset, self.labels, run, config, queries, out, work, trusted=self.trusted, part=part, forecast=told)

    def forecast_score(self, config: ScoreConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``score`` would take, from a timed share of it (a few seconds); cheaper ways when it is long."""
        from attribution.costs.scoring import forecast_score

        config = config or ScoreConfig()
        run = self._need_run(config.run)
        queries = self.query_rows(config.queries, run)
        out, work = self.folder / "forecasts", progress or Progress()
        return forecast_score(self.dataset, self.labels, run, config, queries, out, work, trusted=self.trusted)

    def forecast_flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``flag`` would take, from a timed share of it; cheaper ways when it is long."""
        from attribution.costs.searching import forecast_flag

        config = config or FlagConfig()
        run, out = self._need_run(config.run), self.folder / "forecasts"
        return forecast_flag(self.dataset, self.labels, run, config, out, progress or Progress(), trusted=self.trusted)

    def forecast_train(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Forecast":
        """Time and memory that ``train`` would take, from epochs on a share of the samples."""
        from attribution.costs.training import forecast_train

        recipe, out, work = config or self.train_config, self.folder / "forecasts", progress or Progress()
        return forecast_train(self.dataset, self.labels, self._fresh_model(), recipe, out, work, trusted=self.trusted)

    def find_forecast(self, kind: str, config: Any) -> "Forecast | None":
        """The forecast made of exactly this work (kind score or flag) on the current labels, if one was."""
        from attribution.costs.result import Forecast, forecast_key

        run = self._need_run(config.run)
        asked = [int(row) for row in self.query_rows(config.queries, run)] if kind == "score" else None
        found = Forecast(self.folder / "forecasts" / forecast_key(kind, config, run.id, self.labels.version, asked))
        return found if found.finished else None

    def query_rows(self, queries: str, run: "Run | None" = None) -> "np.ndarray":
        """The rows that ``queries`` means: a split, ``wrong`` (misclassified test samples), ``selection:TOKEN``, or sample ids."""

        kind, _, token = queries.partition(":")
        if kind == "selection":
            return self.selected(token)
        return query_rows(queries, self.dataset, lambda: self.predictions(run or self._need_run()))

    def flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "FlagResult":
        """Search the training labels for wrong ones with the detectors named, or the default ones."""
        from attribution.findings.categories import KEPT_FROM
        from attribution.findings.mislabels import flag

        config = config or FlagConfig()
        run, forecast = self._need_run(config.run), self.find_forecast("flag", config)
        told, out, work = forecast.told if forecast else None, self.folder / "flags", progress or Progress()
        found = flag(self.dataset, self.labels, run, config, out, work, trusted=self.trusted, forecast=told)
        if len(found.detectors) >= KEPT_FROM:
            self.categories_of(found)  # kept with the search, so that no page waits for it
        return found

    def find_leaks(self, config: LeakConfig | None = None, progress: Progress | None = None) -> "LeakResult":
        """Search for training samples that repeat a test or validation sample, or each other."""
        from attribution.findings.leaks import find_leaks

        config = config or LeakConfig()
        run, work = self._need_run(config.run), progress or Progress()
        out, graphs = self.folder / "leaks", self.folder / "neighbors"
        return find_leaks(self.dataset, self.labels, run, config, out, graphs, work, trusted=self.trusted)

    def embed(self, config: MapConfig | None = None, progress: Progress | None = None) -> "MapResult":
        """Lay all samples out in two dimensions."""
        from attribution.mapping import embed

        config = config or MapConfig()
        run = self._need_run(config.run)
        work, graphs = progress or Progress(), self.folder / "neighbors"
        return embed(self.dataset, self.labels, run, config, self.folder / "maps", work, trusted=self.trusted, graphs=graphs)

    def angle(self, config: AnglesConfig | None = None, progress: Progress | None = None) -> "AnglesResult":
        """Measure how every training gradient stands to the gradient of the mean loss of the queries."""
        from attribution.angles import measure

        config = config or AnglesConfig()
        run = self._need_run(config.run)
        queries = self.query_rows(config.queries, run)
        out = self.folder / "angles"
        return measure(self.dataset, self.labels, run, config, queries, out, progress or Progress(), trusted=self.trusted)

    def retrain(self, config: RetrainConfig | None = None, progress: Progress | None = None) -> "Comparison":
        """Train before and after the edits with every seed, and compare on the test set."""
        from attribution.retraining import retrain

        return retrain(
            self.dataset,
            self.dataset.base_version(),
            self.labels,
            self._fresh_model(),
            self.train_config,
            config or RetrainConfig(),
            self.folder / "runs",
            self.folder / "retrains",
            progress or Progress(),
            trusted=self.trusted,
        )

    def calibrate(self, config: CalibrateConfig | None = None, progress: Progress | None = None) -> "CalibrationResult":
        """Set a few labels wrong in a copy, train there, and see where the queue puts them; ledger and models stay as they are."""
        from attribution.findings.calibration import calibrate

        config = config or CalibrateConfig()
        run, flags = self._need_run(config.run), self.flags()
        if flags is None:
            raise UserError("Nobody has looked for wrong labels yet.", "There is no queue to measure.", "Run `datablame flag` first.")
        out = self.folder / "calibration"
        return calibrate(self.dataset, self.labels, run, flags, config, out, progress or Progress(), trusted=self.trusted)

    def compare_splits(self, config: ShiftConfig | None = None, progress: Progress | None = None) -> "ShiftResult":
        """Train a classifier to tell test from training samples: does the test set look like the training set? Needs no model, unless
        the representation is asked for."""
        from attribution.findings.shift import compare

        config = config or ShiftConfig()
        run = self._need_run(config.run) if config.space == "representation" else None
        return compare(self.dataset, self.labels, run, config, self.folder / "shifts", progress or Progress())

    def remedy(self, config: RemedyConfig | None = None, progress: Progress | None = None) -> "Remedy":
        """Rank the training samples by the harm they do to a gap or to robustness, and train anew without the worst; edits nothing."""
        from attribution.findings.remedy import remedy

        config = config or RemedyConfig()
        run = self._need_run(config.run)
        common = (self._fresh_model(), self.train_config, config, self.folder / "remedies", progress or Progress())
        return remedy(self.dataset, self.labels, run, *common, trusted=self.trusted)

    def memorize(self, config: MemorizeConfig | None = None, progress: Progress | None = None) -> "MemorizationResult":
        """Retrain on random subsets and estimate which training labels are known by heart."""
        from attribution.findings.memorization import memorize

        config = config or MemorizeConfig()
        run, recipe, work = self._need_run(config.run), self.train_config, progress or Progress()
        model = self._fresh_model()
        return memorize(self.dataset, self.labels, run, model, recipe, config, self.folder, work, trusted=self.trusted)

    def forecast_memorize(self, config: MemorizeConfig | None = None) -> list[dict[str, Any]]:
        """Time against certainty for several numbers of models (``findings.memorization.forecast``)."""
        from attribution.findings.memorization import forecast
        from attribution.subsets import Subsets

        config = config or MemorizeConfig()
        model, recipe = self._fresh_model(), self.train_config
        subsets = Subsets.at(self.folder / "subsets", self.dataset, self.labels, model, recipe, share=config.share)
        return forecast(subsets, float(self._need_run(config.run).config.get("seconds_s", 0.0)), config.models, config.share)

    def compare(self, config: BenchConfig | None = None, progress: Progress | None = None) -> "BenchResult":
        """Measure on this model and data which estimators and detectors to trust."""
        from attribution.evaluation.bench import bench

        config = config or BenchConfig()
        run = self._need_run(config.run)
        queries, recipe = self._bench_queries(config, run), self._bench_recipe(run)
        model, work = self._fresh_model(), progress or Progress()
        return bench(self.dataset, self.labels, run, model, recipe, config, queries, self.folder, work, trusted=self.trusted)

    def damping_sweep(self, config: DampingConfig | None = None, progress: Progress | None = None) -> "DampingResult":
        """How much the damping of a curvature estimator matters here: its influences at several ratios, compared."""
        import numpy as np

        from attribution.evaluation.damping import damping_sweep

        config = config or DampingConfig()
        run = self._need_run(config.run)
        rows = self.query_rows(config.queries, run)
        few = np.sort(np.random.default_rng(config.seed).permutation(rows)[: config.count])
        out, work = self.folder / "dampings", progress or Progress()
        return damping_sweep(self.dataset, self.labels, run, config, few, out, work, trusted=self.trusted)

    def forecast_compare(self, config: BenchConfig | None = None) -> "pd.DataFrame":
        """What more subsets would cost and how narrow the LDS interval would get: see ``evaluation.forecast.forecast``."""
        from attribution.evaluation.forecast import forecast

        config = config or BenchConfig()
        run = self._need_run(config.run)
        return forecast(self.dataset, self.labels, run, self._fresh_model(), self._bench_recipe(run), config, self.folder)

    def _bench_recipe(self, run: "Run") -> TrainConfig:
        return run.train_config if run.config.get("source") == "trained" else self.train_config

    def _bench_queries(self, config: BenchConfig, run: "Run") -> "np.ndarray":
        from attribution.evaluation.bench import choose_queries

        rows = self.query_rows(config.queries, run)
        rows = rows[self.labels.active[rows]]
        return choose_queries(rows, self.predictions(run).loc[rows, "correct"].to_numpy(dtype=bool), config.count, config.seed)

    def preview(self, config: PreviewConfig | None = None, progress: Progress | None = None) -> "Preview":
        """What the edits since the model was trained would do to it, without training: an approximation for one model.

        ``UserError`` when the labels that the model was trained on are not in this ledger, or none differs from the current ones.
        """
        from attribution.previewing import preview

        config = config or PreviewConfig()
        run = self._need_run(config.run)
        before = self._decisions.labels_at(run.version)
        if before is None:
            raise UserError(
                f"The labels that run {run.id} was trained on are not in this project's ledger.",
                "A preview starts from what the model learned.",
                "Train again, or choose another run.",
            )
        return preview(
            self.dataset, before, self.labels, run, config, self.folder / "previews", progress or Progress(), trusted=self.trusted
        )

    def prepare(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Run":
        """Everything a new project opens on: train, search for wrong labels and leaks, map, explain wrong predictions."""
        return prepare(self, config, progress or Progress())

    # --- work in the background --------------------------------------------------------------------------------------------------

    def submit(self, kind: str, config: Any = None) -> Job:
        """Queue a job of a kind (one of ``STEPS``) and start it; returns at once."""
        if kind not in STEPS:
            raise UserError(f"There is no job kind {kind!r}.", "", f"Choose one of: {', '.join(STEPS)}.")
        config = config or (self.train_config if STEPS[kind].config is TrainConfig else STEPS[kind].config())
        return self._board.submit(kind, title(kind, config), config)

    def jobs(self) -> list[Job]:
        """All jobs, newest first, as they stand."""
        return self._board.list()

    def job(self, job_id: str) -> Job:
        """One job."""
        return self._board.get(job_id)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop at its next step."""
        return self._board.cancel(job_id)

    def resume(self, job_id: str) -> Job:
        """Go on with a stopped job."""
        return self._board.resume(job_id)

    def run_job(self, job_id: str) -> str:
        """Do a queued job in this process (what ``datablame job`` runs); returns its final state."""
        return self._board.run(job_id, self._work)

    def _work(self, job: Job, progress: Progress) -> str:
        config: Any = from_dict(STEPS[job.kind].config, job.config)
        return str(self.step(job.kind)(config, progress).id)

    def step(self, kind: str) -> Callable[..., Any]:
        """The method that does a job kind's work in this process: ``step(kind)(config, progress)``."""
        method: Callable[..., Any] = getattr(self, STEPS[kind].method)
        return method

    def _setting(self, name: str) -> str:
        with database.connect(self._db) as db:
            row = db.execute("SELECT value FROM settings WHERE name=?", (name,)).fetchone()
        return row["value"] if row else ""

    def _set(self, name: str, value: str) -> None:
        with database.write(self._db) as db:
            db.execute("INSERT INTO settings VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value", (name, value))
