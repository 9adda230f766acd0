"""The finished results of a project: for each kind of work the one that answers, or all of them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.project import lookup
from attribution.project.behaviours import asked_key
from attribution.project.folder import About
from attribution.project.review import Review
from attribution.project.runs import Models
from attribution.project.studies import Studies
from attribution.storage.sums import ailing

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.project.lookup import InfluenceView
    from attribution.studies.angles.result import AnglesResult
    from attribution.studies.bench.result import BenchResult
    from attribution.studies.calibration.result import CalibrationResult
    from attribution.studies.categories.categories import Categories
    from attribution.studies.damping.result import DampingResult
    from attribution.studies.fairness.result import FairnessResult
    from attribution.studies.influence.result import ScoreResult
    from attribution.studies.leaks.result import LeakResult
    from attribution.studies.map.result import MapResult
    from attribution.studies.memorization.result import MemorizationResult
    from attribution.studies.mislabels.budget import Budget
    from attribution.studies.mislabels.bulk import Surest
    from attribution.studies.mislabels.result import FlagResult
    from attribution.studies.plane.result import PlaneResult
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.beforehand import Beforehand
    from attribution.studies.retrain.result import RetrainResult
    from attribution.studies.shift.result import ShiftResult


class Results:
    """What was computed, newest first or the one that fits the current model; nothing here trains, scores or
    searches."""

    def __init__(self, about: About, review: Review, models: Models, studies: Studies) -> None:
        self._about = about
        self._review = review
        self._models = models
        self._studies = studies

    def alike(self, row: int, k: int | None = 48, by: str = "model", split: str | None = None) -> "pd.DataFrame":
        """The ``k`` samples most like row ``row`` (None: all), the most similar first: row, similarity.

        ``by``: model (the cosine between what the model in use sees in the samples, -1 to 1; without a model by
        content), or content (pixels, words or columns, 1 for the same). ``split``: only samples of this split.
        ``attrs["by"]`` says which it was, in words. Costs one pass over what the run recorded, no torch.
        """
        from attribution.project.alike import alike

        return alike(self._about.dataset, self._models.run, int(row), k, by, split)

    def damaged(self) -> list[UserError]:
        """What is wrong with results that were finished and can no longer be read; the other members pass over them."""
        found = lookup.damaged(self._about.folder)
        chosen = self._about.setting("run")
        folder = self._about.folder / "runs" / chosen
        lost = ailing(folder) if chosen and folder.is_dir() and not (folder / "config.json").is_file() else None
        return [*found, *([lost] if lost else [])]

    def scores(self) -> "list[ScoreResult]":
        """Finished score runs, newest first."""
        return self._studies.influence.all()

    def find_query(
        self,
        estimator: str,
        query_rows: Sequence[int],
        settings: Mapping[str, Any] | None = None,
        measure: str = "loss",
    ) -> "tuple[ScoreResult, int] | None":
        """The score run and column that answer for this ``measure`` of these query rows, asked of the current model;
        current labels preferred.

        ``settings`` are the fields of ``ScoreConfig`` that were asked for otherwise than usual (None: none): an answer
        for other ones is none.
        """
        run = self._models.run
        if run is None:
            return None
        version = self._review.labels.version
        return lookup.find_query(self.scores(), run.id, version, estimator, query_rows, settings, measure)

    def settings_found(self, estimator: str, query_rows: Sequence[int], measure: str = "loss") -> list[dict[str, Any]]:
        """The different settings with which the current model was asked about these rows by this estimator, the usual
        ones ({}) first."""
        run = self._models.run
        return lookup.settings_found(self.scores(), run.id, estimator, query_rows, measure) if run else []

    def computed(self, query_rows: Sequence[int], measure: str = "loss", queries: str = "") -> set[str]:
        """Names of the estimators that the current model was asked with about this measure of these rows, or about a
        behaviour (``queries``: behaviour:NAME or ask:PROMPT => ANSWER), whatever their settings."""
        run = self._models.run
        asked_of = asked_key(queries, self._about.folder)
        return lookup.computed(self.scores(), run.id, query_rows, measure, asked_of) if run else set()

    def behaviour_influence(
        self,
        queries: str,
        estimator: str,
        k: int = 6,
        settings: Mapping[str, Any] | None = None,
        within: "np.ndarray | None" = None,
    ) -> "InfluenceView | None":
        """As ``influence``, of ``behaviour:NAME`` or ``ask:PROMPT => ANSWER``: the training rows that taught the model
        that (``helpful``), and those that worked against it (``harmful``)."""
        run = self._models.run
        asked_of = asked_key(queries, self._about.folder)
        if run is None or not asked_of:
            return None
        version = self._review.labels.version
        found = lookup.find_query(self.scores(), run.id, version, estimator, (), settings, "", asked_of)
        if found is None:
            return None
        rows = found[0].query_rows(found[1])
        return lookup.influence_view(*found, self._about.dataset.ids, version, rows, k, within)

    def influence(
        self,
        query_rows: Sequence[int],
        estimator: str,
        k: int = 6,
        settings: Mapping[str, Any] | None = None,
        measure: str = "loss",
        within: "np.ndarray | None" = None,
    ) -> "InfluenceView | None":
        """The k most helpful and most harmful training samples of a query (one row, or several as a group); None if not
        scored yet with these settings (as for ``find_query``). ``measure`` "contrast" is the answer for the logit of
        the prediction minus that of the label. ``within``: only among these training rows, with their
        places among all."""
        found = self.find_query(estimator, query_rows, settings, measure)
        if found is None:
            return None
        version = self._review.labels.version
        return lookup.influence_view(*found, self._about.dataset.ids, version, query_rows, k, within)

    def affected_by(
        self,
        row: int,
        estimator: str,
        k: int = 8,
        settings: Mapping[str, Any] | None = None,
        measure: str = "loss",
    ) -> "pd.DataFrame | None":
        """The scored queries that training row ``row`` helps (side 1) and harms (side -1) most: query_row, id, side,
        rank, influence.

        Only queries of one sample each count; None when nothing was scored with this estimator.
        """
        run = self._models.run
        ids = self._about.dataset.ids
        return (
            lookup.affected_by(self.scores(), run.id, estimator, int(row), ids, k, settings, measure) if run else None
        )

    def flags(self) -> "FlagResult | None":
        """The newest search for wrong labels, of the current model if there is one; ``version`` tells whether labels
        changed since."""
        return self._studies.mislabels.latest()

    def categories(self) -> "Categories | None":
        """What kind of sample each searched training row is (mislabelled, hard, rare, leaked, duplicate, memorized, or
        ordinary), with the signals that decided; None before a search, when its model is gone, or where targets are no
        classes. Under a second for
        10,000 samples, then kept in memory."""
        flags = self.flags()
        known = (
            flags is not None
            and flags.run in {run.id for run in self._models.runs()}
            and self._about.dataset.task.kind == "class"
        )
        return self.categories_of(flags) if flags is not None and known else None

    def categories_of(self, flags: "FlagResult") -> "Categories":
        """``categories`` of a given search."""
        from attribution.studies.categories.relations import sources

        run = self._models.need(flags.run)
        return lookup.categories(flags, run, self._about.dataset, sources(self._about.folder, run.id))

    def truth(self) -> "pd.DataFrame | None":
        """What is known to be wrong with the data, for the sample projects: ``read_truth`` of the table beside their
        data; else None.

        Nothing is computed from it but the table that compares it with the findings.
        """
        from attribution.studies.categories.truth import read_truth

        return read_truth(self._about.dataset, self._about.data_config.path)

    def leaks(self) -> "LeakResult | None":
        """The newest search for leaks and duplicates, of the current model if there is one."""
        return self._studies.leaks.latest()

    def map(self, space: str = "representation", method: str = "umap") -> "MapResult | None":
        """The newest finished map of this kind, of the current model if there is one."""
        run = self._models.run
        fitting = [one for one in self._studies.map.all() if (one.space, one.method) == (space, method)]
        return lookup.newest_of(fitting, run.id if run else None)

    def plane(self, across: str, upwards: str) -> "PlaneResult | None":
        """What the current model says in the plane of two number columns, where that was drawn."""
        run = self._models.run
        drawn = (one for one in self._studies.plane.all() if one.columns == (across, upwards))
        return next((one for one in drawn if run is not None and one.run == run.id), None)

    def angles(self, query_rows: Sequence[int]) -> "AnglesResult | None":
        """The measured angles to the mean loss of these rows, asked of the current model; one on the current labels is
        preferred."""
        run = self._models.run
        wanted = tuple(sorted({int(row) for row in query_rows}))
        version = self._review.labels.version
        found = self._studies.angles.all()
        fitting = [one for one in found if run is not None and one.run == run.id and one.query_rows == wanted]
        return min(fitting, key=lambda one: one.version != version, default=None)

    def comparisons(self) -> "list[RetrainResult]":
        """Finished before/after proofs, newest first."""
        return self._studies.retrain.all()

    def calibration(self) -> "CalibrationResult | None":
        """The newest measurement of the queue on planted errors, of the current model if there is one."""
        return self._studies.calibration.latest()

    def budget(self, step: int = 50) -> "Budget | None":
        """Wrong labels left in the review queue and what the next ``step`` reviews would find, from the decisions made
        so far, the search's estimate and the calibration; None before a search."""
        flags = self.flags()
        return lookup.budget(flags, self._review.states(), self.calibration(), step) if flags is not None else None

    def surest(self, n: int | None = None, risk: float | None = None, level: float = 0.9) -> "Surest":
        """The ``n`` open suspects (undecided, not marked unsure) whose suggestion is surest, with ``risk`` at most so
        many that this share of them is expected to be wrong; and how many of the suggestions are wrong, from the
        search, the decisions so far and the calibration.

        ``project.relabel(found.rows, found.suggested)`` takes them all, as one batch and one undo. ``UserError`` before
        a search, and for a risk outside 0 to 1.
        """
        from attribution.studies.mislabels.bulk import surest

        flags = self.flags()
        if flags is None:
            raise UserError("Nobody has looked for wrong labels yet.", "There are no suggestions.", "Search first.")
        if (n is not None and n < 1) or (risk is not None and not 0 < risk < 1):
            asked = f"{n} samples" if risk is None else f"A risk of {risk:g}"
            raise UserError(
                f"{asked} cannot be asked for.", "", "Give at least one sample, and a risk between 0 and 1."
            )
        states = self._review.states()
        rows = lookup.undecided(flags, states, self._review.labels, self._review.marks())
        decided = lookup.decisions(flags, states)
        return surest(flags, rows, decided, self.calibration(), n=n, risk=risk, level=level)

    def beforehand(self, seeds: int = 3, said: "pd.DataFrame | None" = None) -> "Beforehand | None":
        """Whether a proof of the edits made so far is likely to tell their effect from chance, and how many edits
        would be: from the size of the test set, its error now, and what proofs had before.

        ``said`` are the current model's ``Project.predictions``, if they are at hand. None without a model, edits in
        training or test samples, and for texts.
        """
        from attribution.studies.retrain.beforehand import beforehand

        dataset, labels, run = self._about.dataset, self._review.labels, self._models.run
        train, test = dataset.rows("train"), dataset.rows("test")
        base = dataset.base_version()
        same = dataset.task.targets.same(base.values[train], labels.values[train])
        edits = int((~same | (base.active[train] != labels.active[train])).sum())
        if run is None or not edits or dataset.task.kind == "text":
            return None  # the rule was measured on targets that were set right
        table = (self._models.predictions(run) if said is None else said).loc[test[labels.active[test]]]
        table = table[~dataset.task.targets.bare(table["label"].to_numpy())]
        figure = dataset.task.figures[0]
        value = figure.of(table) if len(table) else 0.0
        wrong = flags.estimate.get("mid") if (flags := self.flags()) is not None else None
        error = 1 - value if figure.better == "higher" else value
        return beforehand(
            edits, len(train), len(table), error, figure, seeds=seeds, wrong=wrong, proofs=self.comparisons()
        )

    def shifts(self) -> "list[ShiftResult]":
        """Finished comparisons of test and training data, newest first."""
        return self._studies.shift.all()

    def remedies(self) -> "list[FairnessResult]":
        """Finished searches for what harms a gap or robustness, with the sweep of removals, newest first."""
        return self._studies.fairness.all()

    def memorizations(self) -> "list[MemorizationResult]":
        """Finished estimates of what is known by heart, newest first."""
        return self._studies.memorization.all()

    def benches(self, unfinished: bool = False) -> "list[BenchResult]":
        """Comparisons of estimators, newest first; with ``unfinished`` those still at work (or stopped) too, with the
        parts they have."""
        return self._studies.bench.begun() if unfinished else self._studies.bench.all()

    def dampings(self) -> "list[DampingResult]":
        """Finished sweeps over the damping, newest first."""
        return self._studies.damping.all()

    def previews(self) -> "list[PreviewResult]":
        """Finished previews of edits without retraining, newest first."""
        return self._studies.preview.all()
