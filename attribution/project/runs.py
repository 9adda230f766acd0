"""The trained models of a project: which there are, which one is asked, what it says, and on what data."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.project import lookup
from attribution.project.folder import About
from attribution.project.review import Review
from attribution.settings.configs import TrainConfig
from attribution.storage.artefact import finished
from attribution.storage.sums import ailing
from attribution.studies.base import Context
from attribution.studies.queries import query_rows

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.project.rewind import Rewound
    from attribution.training.run import Run


class Models:
    """A project's trainings. Everything that is asked of a model is asked of ``run``, unless a config names another."""

    def __init__(self, about: About, review: Review) -> None:
        self._about = about
        self._review = review

    def context(self, run: str = "", needed: bool = True, queries: str = "") -> Context:
        """What a study is told of this project, with the run of this id (empty: the current one); its data carry the
        questions of a behaviour where ``queries`` means one."""
        asked = self.need(run) if run or needed else self.run
        return Context(
            self._about.folder,
            self.data_for(queries, asked).as_of(self._review.labels),
            self._review.labels,
            asked,
            self._about.model_config,
            self._about.train_config,
            trusted=self._about.trusted,
            agreed=self._about.setting("trainings") == "here",
            elsewhere=self.loaded,
            rows=self.query_rows if queries else self._sample_rows,
            labels_at=self._review.labels_at,
            use=lambda run: self._about.remember("run", run),
            right=lambda rows, run: self.predictions(run).loc[rows, "correct"].to_numpy(dtype=bool),
            export=self._hand_out,
        )

    def data_for(self, queries: str, run: "Run | None" = None) -> "Dataset":
        """The samples, and the questions that ``behaviour:NAME`` or ``ask:PROMPT => ANSWER`` mean; a pattern's prompts
        are answered by ``run``, once."""
        dataset = self._about.dataset
        if not queries.startswith(("behaviour:", "ask:")) or dataset.row_of(queries) is not None:
            return dataset
        from attribution.project.behaviours import questions_of

        return dataset.with_questions(questions_of(queries, self._about, run))

    def _sample_rows(self, queries: str, run: "Run | None" = None) -> "np.ndarray":
        """The same for work that is about samples alone."""
        rows = self.query_rows(queries, run)
        if len(rows) and rows.max() >= len(self._about.dataset):
            raise UserError(
                f"{queries[:80]} is no sample of the data.",
                "This work compares samples of the data.",
                "Ask about test, val or sample ids; influence on it is asked by datablame score --queries.",
            )
        return rows

    def _hand_out(self, labels: "Labels", folder: Path) -> tuple[Path, Path]:
        from attribution.exporters.handed import hand_out

        about = self._about
        return hand_out(about.name, about.dataset, about.data_config, labels, folder)

    def runs(self) -> "list[Run]":
        """Finished trainings, newest first."""
        from attribution.training.run import Run

        return finished(self._about.folder / "runs", Run.open)

    @property
    def run(self) -> "Run | None":
        """The current model: the one trained or chosen last; else the first of the project's own seed, before any
        retraining."""
        runs = self.runs()
        chosen = self._about.setting("run")
        for run in runs:
            if run.id == chosen:
                return run
        own = [run for run in runs if run.train_config.seed == self._about.train_config.seed]
        return next(reversed(own or runs), None)

    def use_run(self, run_id: str) -> None:
        """Make a run the current model."""
        if run_id not in [run.id for run in self.runs()]:
            raise UserError(f"There is no finished run {run_id!r}.", "", "Run `datablame status` for those there are.")
        self._about.remember("run", run_id)

    def add_run(
        self,
        checkpoints: "str | Path | Sequence[str | Path]",
        lr: "float | Sequence[float]" = (),
        version: str = "current",
        *,
        device: str = "auto",
        progress: Progress | None = None,
    ) -> "Run":
        """Take a training that was made elsewhere as a run, and make it the current model; the same files find the same
        run.

        ``checkpoints`` are its weights, oldest first, or the folder that ``attribution.record`` wrote, which brings its
        record per epoch, learning rates and seed; of weights ``lr`` is the rate near each, or one for all: with it
        TracIn counts each checkpoint by its rate, without it only the order of influences means something. ``version``
        says which labels it was trained on: ``current`` (those of today, with your edits), ``base`` (as imported), or a
        version as ``versions()`` names it. Costs a forward pass over the data per checkpoint. ``UserError`` for files
        that do not fit the project's model.
        """
        from attribution.project import elsewhere

        rates = [lr] if isinstance(lr, int | float) else list(lr)
        labels = elsewhere.labels_of(version, self._about.dataset, self._review.labels_at, self._review.labels)
        context = replace(self.context(needed=False), labels=labels)
        if isinstance(checkpoints, str | os.PathLike) and elsewhere.is_recording(checkpoints):
            return elsewhere.from_recording(context, checkpoints, device, progress or Progress())
        files = [checkpoints] if isinstance(checkpoints, str | os.PathLike) else list(checkpoints)
        return elsewhere.from_checkpoints(context, files, rates, device, progress or Progress())

    def add_predictions(
        self,
        pred_probs: "str | Path | np.ndarray | pd.DataFrame",
        embeddings: "str | Path | np.ndarray | pd.DataFrame | None" = None,
        *,
        ids: "Sequence[Any] | None" = None,
        folds: bool = False,
        version: str = "current",
    ) -> "Run":
        """Take what a model of any kind says of every sample as a run without weights, and make it the current one.

        ``pred_probs`` are class probabilities ``(n, c)`` in the order of ``classes`` (of one logit also ``(n,)``, the
        probability of the second class; of labels in sets ``(n, labels)``; of numbers the predicted values ``(n,)`` in
        their unit); ``embeddings`` ``(n, d)`` stand for what the model sees. Each is an array, a DataFrame, or a file:
        ``.npy``, ``.npz``, ``.csv``, ``.parquet``. Lines belong to samples by ``ids``, else by a column ``id``, else by
        their order, which is that of the table's own lines, or of ``samples`` where there are no lines. ``folds=True``:
        every line is by a model that did not train on it, and the search for wrong labels takes them as its
        out-of-fold predictions. The queue, leaks, neighbours and the map need no more; what takes gradients refuses.
        ``UserError`` for lines that are missing or no probabilities.
        """
        from attribution.project import elsewhere, predictions

        dataset = self._about.dataset
        labels = elsewhere.labels_of(version, dataset, self._review.labels_at, self._review.labels)
        kept = predictions.kept(dataset, pred_probs, ids)
        seen, where = predictions.seen(dataset, embeddings, kept, ids)
        from attribution.training.given import given

        runs = self._about.folder / "runs"
        model = self._about.model_config
        run = given(dataset, labels, model, kept, seen, runs, out_of_fold=folds, seen=where)
        self.use_run(run.id)
        return run

    def add_sklearn(
        self, model: Any, data: Any = None, *, version: str = "current", progress: Progress | None = None
    ) -> "Run":
        """Take a fitted scikit-learn estimator or pipeline as a run, and make it the current one.

        A linear one (logistic, linear and ridge regression, with all that the pipeline does before) becomes a linear
        layer on the pipeline's own features, whose predictions are checked to be the same: influence is then that of
        the model itself, and its L2 penalty counts in the curvature. Any other takes part by its predictions, with the
        features for neighbours and the map. ``data``: what the model takes, one line per sample in the order of
        ``add_predictions``; None: the columns of the project's table, rows by rows. ``UserError`` for other classes.
        """
        from attribution.project import elsewhere, pipelines, predictions

        dataset = self._about.dataset
        labels = elsewhere.labels_of(version, dataset, self._review.labels_at, self._review.labels)
        lines = None if data is None else predictions.ordered(dataset, data)
        context = replace(self.context(needed=False), labels=labels)
        return pipelines.from_sklearn(context, model, lines, progress or Progress())

    @property
    def loaded(self) -> bool:
        """Whether the model in use (before there is one: the one to come) has weights that were trained elsewhere."""
        run = self.run
        return run.loaded if run is not None else bool(self._about.model_config.checkpoints)

    @property
    def trains_here(self) -> bool:
        """Whether models may be trained here to answer for the one in use: always, but for loaded weights only once the
        user said so."""
        return not self.loaded or self._about.setting("trainings") == "here"

    def train_here(self, yes: bool = True) -> None:
        """Say that models may be trained here, from scratch and with the project's recipe, although the weights in use
        were loaded."""
        self._about.remember("trainings", "here" if yes else "")

    def recipe_for(self, run: "Run | None" = None) -> TrainConfig:
        """The recipe of trainings that are to answer for ``run`` (None: the model in use): the one it was trained with
        here.

        How loaded weights were trained is not known: then it is the project's recipe, and ``UserError`` until the user
        agreed to that (``train_here``). The project's recipe, too, before there is any model.
        """
        return replace(self.context(needed=False), run=run or self.run).recipe

    def need(self, run_id: str = "") -> "Run":
        """The run of this id (empty: the current one); ``UserError`` when there is none, or it is damaged."""
        runs = {run.id: run for run in self.runs()}
        run = runs.get(run_id) if run_id else self.run
        wanted = run_id or self._about.setting("run")
        # Another model than the one in use never answers for it without a word.
        for folder in (self._about.folder / "runs").glob("*/"):
            damaged = folder.name == wanted or (run is None and os.path.lexists(folder / "config.json"))
            if damaged and folder.name not in runs and (error := ailing(folder)):
                raise error
        if run is None and run_id:
            raise UserError(f"There is no finished run {run_id!r}.", "", "Run `datablame status` for those there are.")
        if run is None:
            if self._about.model_config.checkpoints:
                raise UserError(
                    "The weights that you named are not loaded yet.",
                    "Models are asked as runs, and there is none.",
                    "Run `datablame train`, or press the button on Overview: it loads them and trains nothing.",
                )
            do = "Train one: `datablame train`, or the button on the Overview page."
            raise UserError("There is no trained model yet.", "Influence is asked of a model.", do)
        return run

    def versions(self) -> "pd.DataFrame":
        """Every data version that is the base, was trained on, or is current; columns version, runs (count), base,
        current."""
        import pandas as pd

        current = self._review.labels.version
        base = self._about.dataset.base_version().version
        trained = [run.version for run in reversed(self.runs())]
        names = list(dict.fromkeys([base, *trained, current]))
        table = {"version": names, "runs": [trained.count(name) for name in names]}
        return pd.DataFrame(
            {**table, "base": [name == base for name in names], "current": [name == current for name in names]}
        )

    def predictions(self, run: "Run | None" = None, known: "pd.DataFrame | None" = None) -> "pd.DataFrame":
        """What the model says of every sample, indexed by row.

        Columns: label (current, as ``Labels.values``), prediction, confidence (probability of the prediction), p_label
        (of the current label), loss (in the task's unit), margin (how sure the model is of the label), correct (bool).
        Of numbers: ``error`` (prediction minus value), and NaN in confidence, p_label and correct, as they are only
        nearer or farther. ``known``, an earlier answer for the same run and other labels, saves working out the rows
        whose label is the same.
        """
        run = run or self.need()
        return lookup.predictions(self._about.dataset.task, run.outputs(), self._review.labels.values, known)

    def losses(self, run: "Run | None" = None) -> "pd.DataFrame":
        """The loss of every training sample after each epoch, and what training changed of it, a line each: row, id,
        ``epoch 1`` ..., loss (the last), change (the first minus the last; positive: training lowered it)."""
        from attribution.project.losses import losses

        return losses(run or self.need(), self._about.dataset)

    def rewind(self, run: "Run | None" = None) -> "Rewound":
        """The steps of a training: ``.steps`` and ``.spikes`` (step, epoch, loss, above, spike), and the samples behind
        one, ``.rows(step)`` and ``.table(step)``. The order of batches is worked out from the seed; of a recording it
        is the one that was logged. ``UserError`` where the run keeps no loss per step."""
        from attribution.project.rewind import rewound

        run = run or self.need()
        return rewound(run, self._about.dataset, self._review.labels_at(run.version))

    def query_rows(self, queries: str, run: "Run | None" = None) -> "np.ndarray":
        """The rows that ``queries`` means: a split, ``wrong`` (misclassified test samples; of numbers the tenth with
        the largest errors), ``selection:TOKEN``, sample ids, or the questions of ``behaviour:NAME`` and ``ask:PROMPT
        => ANSWER``, which lie beyond the samples (``data_for``)."""
        kind, _, token = queries.partition(":")
        if (asked := self.data_for(queries, run)).questions is not None:
            import numpy as np

            return np.arange(len(asked), asked.end)
        if kind == "selection":
            return self._review.selected(token)
        return query_rows(queries, self._about.dataset, lambda: self.predictions(run or self.need()))
