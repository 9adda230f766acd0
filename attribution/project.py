"""A project is a folder; ``Project`` is the one object that pages, the command line and notebooks talk to."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.config import (
    DataConfig,
    FlagConfig,
    MapConfig,
    ModelConfig,
    RetrainConfig,
    ScoreConfig,
    TrainConfig,
    from_dict,
    to_dict,
)
from attribution.errors import UserError
from attribution.jobs import Job, JobBoard
from attribution.progress import Progress
from attribution.storage import database, selections
from attribution.storage.files import file_hash, read_json, write_json
from attribution.storage.ledger import Edit, Ledger, State

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset, DatasetInfo, Labels
    from attribution.findings.mislabels import FlagResult
    from attribution.mapping import MapResult
    from attribution.retraining import Comparison
    from attribution.scoring import ScoreResult
    from attribution.training import Run

CONFIGS: dict[str, type] = {
    "train": TrainConfig,
    "score": ScoreConfig,
    "flag": FlagConfig,
    "map": MapConfig,
    "retrain": RetrainConfig,
    "prepare": TrainConfig,
}
SAMPLES = ("fashion", "text", "tabular")


@dataclass(frozen=True)
class SampleState:
    """One sample as the ledger sees it now. ``version`` is the id of its last edit (0: untouched)."""

    row: int
    label: int
    active: bool
    verdict: str
    base_label: int
    version: int


@dataclass(frozen=True)
class InfluenceView:
    """The most helpful and most harmful training samples of one query.

    ``helpful`` and ``harmful`` have the columns row, id, influence (positive lowers the query's loss), cosine, rank (1 is the
    strongest). ``moments`` describes the whole column; ``stale`` says that labels or model changed since it was computed.
    """

    estimator: str
    query_rows: tuple[int, ...]
    helpful: "pd.DataFrame"
    harmful: "pd.DataFrame"
    moments: dict[str, Any]
    stale: bool
    score: "ScoreResult"
    column: int


def home() -> Path:
    """Where projects live: ``$DATABLAME_HOME``, else ``projects`` in the working directory."""
    return Path(os.environ.get("DATABLAME_HOME", "projects")).expanduser().resolve()


def list_projects(folder: Path | None = None) -> list[str]:
    """Names of the projects in ``folder`` (default: ``home()``), the last used first."""
    root = folder or home()
    found = [path.parent for path in root.glob("*/project.json")]
    return [
        path.name
        for path in sorted(found, key=lambda path: -(path / "project.db").stat().st_mtime if (path / "project.db").exists() else 0.0)
    ]


@lru_cache(maxsize=8)
def _dataset(folder: Path, changed_ns: int) -> "Dataset":
    from attribution.datasets.dataset import Dataset

    return Dataset.open(folder)


class Project:
    """One project folder. Cheap to open: everything heavy is read or imported when asked for.

    Reads: ``info samples labels states runs predictions influence affected_by flags map comparisons edits jobs``.
    Decisions: ``relabel drop keep undo redo revert``. Work in this process: ``train adopt score flag embed retrain``;
    the same in the background: ``submit``.
    """

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder, self._settings = folder, settings
        self.jobs_board = JobBoard(folder)
        self._db = folder / "project.db"

    # --- opening -----------------------------------------------------------------------------------------------------------------

    @staticmethod
    def open(folder: str | Path) -> "Project":
        """Open a project by folder, or by name in ``home()``; ``UserError`` when there is none."""
        given = Path(folder).expanduser()
        path = given if (given / "project.json").exists() else home() / given
        if not (path / "project.json").exists():
            known = ", ".join(list_projects()) or "none yet"
            raise UserError(
                f"There is no project {str(folder)!r}.", f"Projects in {home()}: {known}.", "Run `datablame new` or `datablame sample`."
            )
        database.create(path / "project.db")
        return Project(path.resolve(), read_json(path / "project.json"))

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
        folder, or untrusted code.
        """
        from attribution.datasets.load import import_data

        path = Path(folder).expanduser()
        path = path if path.is_absolute() or len(path.parts) > 1 else home() / path
        if path.exists() and any(path.iterdir()):
            raise UserError(f"{path} already exists and is not empty.", "A project needs a folder of its own.", "Choose another name.")
        model = model or ModelConfig()
        code = _code_file(model)
        if code and not trust_code:
            raise UserError(
                f"The model is code in {code}.",
                "Code from a file can do anything on this machine.",
                "Read it, then confirm that you trust it.",
            )
        building = path.with_name(f".{path.name}.building")
        shutil.rmtree(building, ignore_errors=True)
        try:
            dataset = import_data(_absolute(data), building / "data", path.name, progress or Progress())
            settings = {
                "name": path.name,
                "data": to_dict(_absolute(data)),
                "model": to_dict(model),
                "train": to_dict(train or _recipe(dataset.info.modality)),
                "trusted_code": {"path": str(code), "hash": file_hash(code)} if code else None,
            }
            if code or model.checkpoints:
                _check_model(dataset, model)
            database.create(building / "project.db")
            write_json(building / "project.json", settings)
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                path.rmdir()
            building.rename(path)
        finally:
            shutil.rmtree(building, ignore_errors=True)
        return Project.open(path)

    @staticmethod
    def sample(name: str, folder: str | Path | None = None, progress: Progress | None = None) -> "Project":
        """The bundled sample ``fashion``, ``text`` or ``tabular``, with its finished results; made on first use, opened afterwards."""
        if name not in SAMPLES:
            raise UserError(f"There is no sample {name!r}.", "", f"Choose one of: {', '.join(SAMPLES)}.")
        source = Path(__file__).resolve().parent.parent / "sample_data" / name
        if not (source / "sample.json").exists():
            raise UserError(
                "The sample data is not beside this installation.",
                "It comes with the source tree.",
                "Install from a clone with pip install -e .",
            )
        target = Path(folder) if folder else home() / f"{name}-sample"
        if (target / "project.json").exists():
            return Project.open(target)
        wanted = read_json(source / "sample.json")
        data = from_dict(DataConfig, {**wanted["data"], "path": str(source / wanted["data"]["path"])})
        model, train = from_dict(ModelConfig, wanted.get("model", {})), from_dict(TrainConfig, wanted.get("train", {}))
        project = Project.create(target, data, model, train, progress=progress)
        if (source / "prebuilt").is_dir():
            shutil.copytree(source / "prebuilt", project.folder, dirs_exist_ok=True)
        return project

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
        code = _code_file(self.model_config)
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
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.info.classes

    @property
    def samples(self) -> "pd.DataFrame":
        """One line per sample, in row order (``Dataset.samples``)."""
        return self.dataset.samples

    # --- the ledger --------------------------------------------------------------------------------------------------------------

    @cached_property
    def ledger(self) -> Ledger:
        """The append-only edits, by sample id."""
        return Ledger(self._db, lambda sample: self.dataset.labels[self.dataset.rows_of([sample])[0]])

    @property
    def labels(self) -> "Labels":
        """The current version: base labels plus edits."""
        return self._labels_after(self.ledger.states())

    def _labels_after(self, states: Mapping[str, tuple[State, int]]) -> "Labels":
        import numpy as np

        from attribution.datasets.dataset import Labels

        dataset = self.dataset
        values, active = dataset.labels.copy(), np.ones(len(dataset), dtype=bool)
        rows = dataset.rows_of(list(states))
        for row, (state, _) in zip(rows, states.values(), strict=True):
            values[row], active[row] = state.label, state.active
        return Labels.of(dataset, values, active)

    def versions(self) -> "pd.DataFrame":
        """Every data version that a training used or that is current: version, edits (count up to it), runs, current."""
        import pandas as pd

        current = self.labels.version
        base = self.dataset.base_version().version
        names = dict.fromkeys([base, *[run.version for run in reversed(self.runs())], current])
        runs = [run.version for run in self.runs()]
        return pd.DataFrame(
            {
                "version": list(names),
                "runs": [runs.count(name) for name in names],
                "base": [name == base for name in names],
                "current": [name == current for name in names],
            }
        )

    def sample_state(self, row: int) -> SampleState:
        """One sample's current label, whether it is trained on, and the review's verdict."""
        state, version = self.ledger.state(str(self.dataset.ids[row]))
        return SampleState(row, state.label, state.active, state.verdict, int(self.dataset.labels[row]), version)

    def states(self) -> "pd.DataFrame":
        """The edited samples, indexed by row: label, active, verdict (relabel, drop, keep or empty after an undo), base_label, edit."""
        import pandas as pd

        states = self.ledger.states()
        rows = self.dataset.rows_of(list(states))
        return pd.DataFrame(
            {
                "label": [state.label for state, _ in states.values()],
                "active": [state.active for state, _ in states.values()],
                "verdict": [state.verdict for state, _ in states.values()],
                "base_label": self.dataset.labels[rows],
                "edit": [edit for _, edit in states.values()],
            },
            index=pd.Index(rows, name="row"),
        )

    def relabel(self, rows: Sequence[int], label: int | str, **details: Any) -> list[Edit]:
        """Give these samples another label (class index or name); one batch, all or nothing. ``details``: reason, evidence, expect."""
        return self._decide("relabel", rows, self.class_index(label), **details)

    def drop(self, rows: Sequence[int], **details: Any) -> list[Edit]:
        """Take these samples out of training (and out of the test score, for test samples)."""
        return self._decide("drop", rows, None, **details)

    def keep(self, rows: Sequence[int], **details: Any) -> list[Edit]:
        """Record that these samples were looked at and their label is right."""
        return self._decide("keep", rows, None, **details)

    def _decide(
        self,
        action: str,
        rows: Sequence[int],
        label: int | None,
        *,
        reason: str = "",
        evidence: Mapping[str, Any] | None = None,
        expect: Mapping[int, int] | None = None,
    ) -> list[Edit]:
        ids = self.dataset.ids
        seen = {str(ids[row]): version for row, version in expect.items()} if expect is not None else None
        return self.ledger.apply(action, [str(ids[int(row)]) for row in rows], label, reason=reason, evidence=evidence, expect=seen)

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
        import pandas as pd

        entries = list(reversed(self.ledger.entries()))
        gone = self.ledger.reverted()
        frame = pd.DataFrame(
            [
                (
                    e.id,
                    e.time_s,
                    e.author,
                    e.sample,
                    e.action,
                    self._words(e.old),
                    self._words(e.new),
                    e.reason,
                    e.evidence,
                    e.batch,
                    e.reverts,
                    e.id in gone,
                )
                for e in entries
            ],
            columns=["id", "time", "author", "sample", "action", "old", "new", "reason", "evidence", "batch", "reverts", "reverted"],
        )
        frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True)
        frame["reverts"] = frame["reverts"].astype("Int64")
        frame.insert(3, "row", self.dataset.rows_of(frame["sample"].tolist()))
        return frame

    def _words(self, state: State) -> str:
        return self.classes[state.label] + ("" if state.active else ", dropped")

    def class_index(self, label: int | str) -> int:
        """Index of a class given by name or index; ``UserError`` listing the classes otherwise."""
        if isinstance(label, str) and label in self.classes:
            return self.classes.index(label)
        if isinstance(label, str) or not 0 <= int(label) < len(self.classes):
            raise UserError(f"There is no class {label!r}.", "", f"Choose one of: {', '.join(self.classes)}.")
        return int(label)

    def select(self, rows: Sequence[int], name: str = "") -> str:
        """Store a selection; the token goes into links."""
        return selections.save(self._db, rows, self.labels.version, name)

    def selection(self, token: str) -> tuple[list[int], str]:
        """``(rows, version)`` of a stored selection."""
        return selections.load(self._db, token)

    def selections(self) -> list[tuple[str, str, int]]:
        """``(token, name, count)`` of the named selections, newest first."""
        return selections.named(self._db)

    # --- models ------------------------------------------------------------------------------------------------------------------

    def runs(self) -> "list[Run]":
        """Finished trainings, newest first."""
        from attribution.training import Run

        folders = [path.parent for path in (self.folder / "runs").glob("*/config.json")]
        return [Run.open(path) for path in sorted(folders, key=lambda path: -(path / "config.json").stat().st_mtime)]

    @property
    def run(self) -> "Run | None":
        """The current model: the one chosen by ``use_run``, else the newest of the project's own seed."""
        runs = self.runs()
        chosen = self._setting("run")
        for run in runs:
            if run.id == chosen:
                return run
        own = [run for run in runs if run.train_config.seed == self.train_config.seed]
        return (own or runs or [None])[0]

    def use_run(self, run_id: str) -> None:
        """Make a run the current model."""
        if run_id not in [run.id for run in self.runs()]:
            raise UserError(f"There is no finished run {run_id!r}.", "", "Run `datablame status` for those there are.")
        self._set("run", run_id)

    def _need_run(self, run_id: str = "") -> "Run":
        runs = {run.id: run for run in self.runs()}
        run = runs.get(run_id) if run_id else self.run
        if run is None:
            raise UserError(
                "There is no trained model yet." if not run_id else f"There is no finished run {run_id!r}.",
                "Influence is asked of a model.",
                "Train one: `datablame train`, or the button on the Overview page.",
            )
        return run

    def predictions(self, run: "Run | None" = None) -> "pd.DataFrame":
        """What the model says of every sample, indexed by row.

        Columns: label (current, class index), prediction, confidence (probability of the prediction), p_label (of the current
        label), loss (nats), margin (label's log-probability minus the best other), correct.
        """
        run = run or self._need_run()
        return _predictions(run.probabilities(), self.labels.values)

    # --- results -----------------------------------------------------------------------------------------------------------------

    def scores(self) -> "list[ScoreResult]":
        """Finished score runs, newest first."""
        from attribution.scoring import ScoreResult

        return [ScoreResult.open(path) for path in self._finished("scores")]

    def find_query(self, estimator: str, query_rows: Sequence[int]) -> "tuple[ScoreResult, int] | None":
        """The score run and column that answer for these query rows, asked of the current model; current labels preferred."""
        run = self.run
        wanted = tuple(sorted(int(row) for row in query_rows))
        found = []
        for score in self.scores():
            if run is not None and score.estimator == estimator and score.run == run.id:
                column = score.column_of(wanted)
                if column is not None:
                    found.append((score, column))
        version = self.labels.version
        return min(found, key=lambda pair: pair[0].version != version) if found else None

    def influence(self, query_rows: Sequence[int], estimator: str, k: int = 6) -> InfluenceView | None:
        """The k most helpful and most harmful training samples of a query (one row, or several as a group); None if not scored yet."""
        found = self.find_query(estimator, query_rows)
        if found is None:
            return None
        score, column = found
        top = score.top(column)
        top["id"] = self.dataset.ids[top["row"]]
        sides = [top[top["side"] == side].sort_values("rank").head(k).reset_index(drop=True) for side in (1, -1)]
        columns = ["row", "id", "influence", "cosine", "rank"]
        return InfluenceView(
            estimator,
            tuple(int(row) for row in query_rows),
            sides[0][columns],
            sides[1][columns],
            score.moments(column),
            score.version != self.labels.version,
            score,
            column,
        )

    def affected_by(self, row: int, estimator: str, k: int = 8) -> "pd.DataFrame | None":
        """The scored queries that training row ``row`` helps (side 1) and harms (side -1) most: query_row, id, side, rank, influence.

        Only queries of one sample each count; None when nothing was scored with this estimator.
        """
        run = self.run
        for score in sorted(self.scores(), key=lambda score: -score.n_queries):
            if run is not None and score.estimator == estimator and score.run == run.id and not score.group:
                frame = score.affected_by(int(row))
                frame = frame[frame["rank"] <= k].copy()
                frame["query_row"] = [score.query_rows(column)[0] for column in frame["query"]]
                frame["id"] = self.dataset.ids[frame["query_row"].to_numpy()]
                return frame[["query_row", "id", "side", "rank", "influence"]].reset_index(drop=True)
        return None

    def flags(self) -> "FlagResult | None":
        """The newest search for wrong labels, of the current model if there is one; ``result.version`` tells whether labels changed since."""
        from attribution.findings.mislabels import FlagResult

        results = [FlagResult.open(path) for path in self._finished("flags")]
        run = self.run
        own = [result for result in results if run is not None and result.run == run.id]
        return (own or results or [None])[0]

    def map(self, space: str = "representation", method: str = "umap") -> "MapResult | None":
        """The newest finished map of this kind, of the current model if there is one."""
        from attribution.mapping import MapResult

        results = [MapResult.open(path) for path in self._finished("maps")]
        results = [result for result in results if result.space == space and result.method == method]
        run = self.run
        own = [result for result in results if run is not None and result.run == run.id]
        return (own or results or [None])[0]

    def comparisons(self) -> "list[Comparison]":
        """Finished before/after proofs, newest first."""
        from attribution.retraining import Comparison

        return [Comparison.open(path) for path in self._finished("retrains")]

    def _finished(self, kind: str) -> list[Path]:
        folders = [path.parent for path in (self.folder / kind).glob("*/config.json")]
        return sorted(folders, key=lambda path: -(path / "config.json").stat().st_mtime)

    # --- work in this process ----------------------------------------------------------------------------------------------------

    def train(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Run":
        """Train the project's model on the current labels (or load the user's checkpoints); finished work is found, not repeated."""
        from attribution.training import adopt, train

        work = progress or Progress()
        runs = self.folder / "runs"
        if self.model_config.checkpoints and not self.ledger.last_id():
            return adopt(
                self.dataset, self.labels, self.model_config, runs, work, trusted=self.trusted, device=(config or self.train_config).device
            )
        return train(self.dataset, self.labels, self._fresh_model(), config or self.train_config, runs, work, trusted=self.trusted)

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
        queries = self.query_rows(config, run)
        return score(
            self.dataset, self.labels, run, config, queries, self.folder / "scores", progress or Progress(), trusted=self.trusted, part=part
        )

    def query_rows(self, config: ScoreConfig, run: "Run") -> "np.ndarray":
        """The rows that ``config.queries`` means: a split, ``wrong`` (misclassified test samples), or sample ids."""
        import numpy as np

        if config.queries in ("train", "val", "test"):
            rows = self.dataset.rows(config.queries)
        elif config.queries == "wrong":
            test = self.dataset.rows("test")
            rows = test[~self.predictions(run).loc[test, "correct"].to_numpy(dtype=bool)]
        else:
            rows = self.dataset.rows_of([name.strip() for name in config.queries.split(",") if name.strip()])
        if len(rows) == 0:
            raise UserError(
                f"No sample matches queries={config.queries!r}.", "There is nothing to explain.", "Choose test, or name sample ids."
            )
        return np.asarray(rows, dtype=np.int64)

    def flag(self, config: FlagConfig | None = None, progress: Progress | None = None) -> "FlagResult":
        """Search the training labels for wrong ones with every detector."""
        from attribution.findings.mislabels import flag

        config = config or FlagConfig()
        run = self._need_run(config.run)
        return flag(self.dataset, self.labels, run, config, self.folder / "flags", progress or Progress(), trusted=self.trusted)

    def embed(self, config: MapConfig | None = None, progress: Progress | None = None) -> "MapResult":
        """Lay all samples out in two dimensions."""
        from attribution.mapping import embed

        config = config or MapConfig()
        run = self._need_run(config.run)
        return embed(self.dataset, self.labels, run, config, self.folder / "maps", progress or Progress(), trusted=self.trusted)

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

    def prepare(self, config: TrainConfig | None = None, progress: Progress | None = None) -> "Run":
        """Everything a new project opens on: train, search for wrong labels, map, and explain the wrong test predictions."""
        work = progress or Progress()
        run = self.train(config, work.part(0.0, 0.25, "Training"))
        self.flag(FlagConfig(run=run.id), work.part(0.25, 0.8, "Looking for wrong labels"))
        self.embed(MapConfig(run=run.id, method="pca"), work.part(0.8, 0.82, "Drawing the map"))
        rows = self.query_rows(ScoreConfig(queries="test"), run)
        wrong = (~self.predictions(run).loc[rows, "correct"]).any()
        self.score(ScoreConfig(run=run.id, queries="wrong" if wrong else "test"), work.part(0.82, 0.9, "Explaining wrong predictions"))
        self.embed(MapConfig(run=run.id), work.part(0.9, 1.0, "Drawing the map"))
        return run

    # --- work in the background --------------------------------------------------------------------------------------------------

    def submit(self, kind: str, config: Any = None) -> Job:
        """Queue a job of a kind (train, score, flag, map, retrain, prepare) and start it; returns at once."""
        if kind not in CONFIGS:
            raise UserError(f"There is no job kind {kind!r}.", "", f"Choose one of: {', '.join(CONFIGS)}.")
        config = config or (self.train_config if CONFIGS[kind] is TrainConfig else CONFIGS[kind]())
        return self.jobs_board.submit(kind, _title(kind, config), config)

    def jobs(self) -> list[Job]:
        """All jobs, newest first, as they stand."""
        return self.jobs_board.list()

    def job(self, job_id: str) -> Job:
        """One job."""
        return self.jobs_board.get(job_id)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop at its next step."""
        return self.jobs_board.cancel(job_id)

    def resume(self, job_id: str) -> Job:
        """Go on with a stopped job."""
        return self.jobs_board.resume(job_id)

    def run_job(self, job_id: str) -> str:
        """Do a queued job in this process (what ``datablame job`` runs); returns its final state."""
        return self.jobs_board.run(job_id, self._work)

    def _work(self, job: Job, progress: Progress) -> str:
        config = from_dict(CONFIGS[job.kind], job.config)
        do = {
            "train": self.train,
            "score": self.score,
            "flag": self.flag,
            "map": self.embed,
            "retrain": self.retrain,
            "prepare": self.prepare,
        }[job.kind]
        return str(do(config, progress).id)  # type: ignore[operator]

    def _setting(self, name: str) -> str:
        with database.connect(self._db) as db:
            row = db.execute("SELECT value FROM settings WHERE name=?", (name,)).fetchone()
        return row["value"] if row else ""

    def _set(self, name: str, value: str) -> None:
        with database.write(self._db) as db:
            db.execute("INSERT INTO settings VALUES (?,?) ON CONFLICT(name) DO UPDATE SET value=excluded.value", (name, value))


def _predictions(probabilities: "np.ndarray", labels: "np.ndarray") -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    p = np.asarray(probabilities, dtype=np.float64)  # (n, c)
    rows = np.arange(len(p))
    logs = np.log(np.maximum(p, 1e-30))
    others = logs.copy()
    others[rows, labels] = -np.inf
    prediction = p.argmax(axis=1)
    return pd.DataFrame(
        {
            "label": labels,
            "prediction": prediction,
            "confidence": p[rows, prediction],
            "p_label": p[rows, labels],
            "loss": -logs[rows, labels],
            "margin": logs[rows, labels] - others.max(axis=1),
            "correct": prediction == labels,
        },
        index=pd.RangeIndex(len(p), name="row"),
    )


def _title(kind: str, config: Any) -> str:
    if isinstance(config, ScoreConfig):
        what = {
            "wrong": "the wrong test predictions",
            "test": "all test samples",
            "val": "all validation samples",
            "train": "all training samples",
        }
        asked = what.get(config.queries) or f"{len(config.queries.split(','))} samples"
        return f"Explain {asked} with {config.estimator}"
    if isinstance(config, MapConfig):
        return f"Draw the map ({config.space}, {config.method.upper()})"
    return {
        "train": "Train the model",
        "flag": "Look for wrong labels",
        "retrain": "Retrain and compare",
        "prepare": "Set up: train, look for wrong labels, draw the map",
    }[kind]


def _code_file(model: ModelConfig) -> Path | None:
    """The file of a model given as ``FILE.py:FUNCTION``."""
    file, _, function = model.name.rpartition(":")
    return Path(file).expanduser().resolve() if file.endswith(".py") and function else None


def _absolute(data: DataConfig) -> DataConfig:
    path = str(Path(data.path).expanduser().resolve()) if data.path else ""
    return from_dict(DataConfig, {**to_dict(data), "path": path})


def _recipe(modality: str) -> TrainConfig:
    from attribution.training import default_recipe

    return default_recipe(modality)


def _check_model(dataset: "Dataset", model: ModelConfig) -> None:
    """Build the user's network and pass two samples through it, so that a misfit shows before the project exists."""
    from attribution.models.build import build_model, check_model
    from attribution.models.checkpoints import load_checkpoint

    network = build_model(model, dataset.info, seed=0, trusted=True)
    for checkpoint in model.checkpoints:
        load_checkpoint(network, Path(checkpoint).expanduser())
    check_model(network, dataset)
