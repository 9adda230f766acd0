"""What pages say and draw of targets, a class per kind (a class, a number, a set): so no page asks which it is."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.browse.words import between, words
from attribution.statistics.by_group import by_class, figure_against_rest
from attribution.statistics.intervals import WithAndWithout, crossed, resampled_means, without
from attribution.tasks.base import Task
from attribution.views import angles, colours, influence, overview, scatter, tables
from attribution.views.comparison import title_of_figure, value_words
from attribution.views.numbers import SPACE, count, percent, plural, share_range, three_digits
from attribution.views.quality import with_scores
from attribution.views.stories import NumberStory, SetStory, Story, TextStory

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.studies.mislabels.result import FlagResult

Metric = dict[str, str]  # label, value, delta, help
ESTIMATED = (
    "Open: not reviewed yet. Estimated from models and neighbours that did not see the label, where they are surest. "
    "The range is a bootstrap, not a guarantee; where more than about 15 % of the labels are wrong its middle was 2 to "
    "16 % too low."
)
SCALE = 21  # steps of the colours of a number


class Face(Story):
    """The words, colours and figures of one dataset's targets. ``noun`` is what one is called, ``change`` what giving
    another one is called; ``sorts`` are the columns of ``Project.predictions`` that a list can be sorted by."""

    noun = "label"
    nouns = "labels"
    verb = "is"  # of ``noun``
    change = "Relabel"
    changed = "relabelled"
    changed_mark = "relabelled"
    counted = "relabelled"  # so many of some samples are
    typing = ""  # the key that leads to a field to type into, in words
    which = ("Wrong only", "All")  # predictions to choose a query from
    picks = True  # whether a target is picked from a list; else it is typed or ticked
    sure = True  # whether predictions are more or less sure
    score_all = "Score every wrong test prediction instead"
    told = True  # whether samples are told apart by their targets
    no_search: tuple[str, str] | None = None  # a title and a sentence where no wrong target can be looked for
    no_memorization: tuple[str, str] | None = None  # the same where that cannot be measured
    no_fairness: tuple[str, str] | None = None

    def __init__(self, task: "Task", values: np.ndarray) -> None:
        self.task = task
        self.targets = task.targets
        self.values = values

    @property
    def none(self) -> str:
        """The word of a sample without a target."""
        return f"no {self.noun}"

    @property
    def loss_unit(self) -> str:
        """What a loss is counted in."""
        return self.task.unit

    def word(self, value: Any) -> str:
        """A target in words."""
        return self.targets.word(value) or self.none

    def tag(self, value: Any) -> str:
        """What stands on a card for a target."""
        return self.word(value)

    def colour(self, value: Any) -> str:
        """The colour of a target, the same on every page."""
        return colours.class_colour(int(value))

    def same(self, one: Any, other: Any) -> bool:
        """Whether two targets are the same."""
        return bool(self.targets.same(np.asarray([one]), np.asarray([other]))[0])

    def bare(self, values: Any) -> np.ndarray:
        """Which samples have no target."""
        return self.targets.bare(values)

    def says(self, seen: Mapping[str, Any]) -> tuple[str, str, float | None]:
        """Of one line of ``Project.predictions``: the predicted target, the sentence of a card, and how sure."""
        predicted = self.word(seen["prediction"])
        agrees = bool(self.same(seen["prediction"], seen["label"]))
        sure = float(seen["confidence"])
        return predicted, "model agrees" if agrees else f"model says {predicted}", sure if sure == sure else None

    def groups(self, values: np.ndarray, rows: np.ndarray, dark: bool = False) -> list[scatter.Group]:
        """The points of a chart by target; ``values`` (n,) of all samples, ``rows`` those to draw."""
        return scatter.by_class(values, self.targets.classes, rows)

    def typical(self, values: np.ndarray) -> str:
        """One or two words for these targets together; "" where they are too mixed to have one."""
        known, counts = np.unique(values[~self.bare(values)], return_counts=True)
        order = np.argsort(-counts, kind="stable")
        shares = counts[order] / max(len(values), 1)
        enough = 1 if len(order) and shares[0] >= 0.55 else 2 if len(order) > 1 and shares[:2].sum() >= 0.6 else 0
        return " / ".join(self.word(known[place]) for place in order[:enough])

    def mix(self, values: np.ndarray, rows: np.ndarray) -> pd.DataFrame:
        """How targets are mixed among these rows, for ``tables.mix_html``."""
        return tables.mix(self.groups(values, rows), ordered=self.targets.kind == "number")

    def queries(
        self, said: pd.DataFrame, wrong_only: bool, label: int | None, confidence: tuple[float, float]
    ) -> np.ndarray:
        """Rows of these lines of ``Project.predictions`` to ask about, the surest mistakes first."""
        return influence.queries(said, wrong_only=wrong_only, label=label, confidence=confidence)

    @property
    def loss_help(self) -> str:
        """What a loss is."""
        return "Minus the logarithm of the probability that the model gives the label."

    def question(self, label: Any, entry: Mapping[str, Any], who: str) -> tuple[str, str]:
        """The headline of a suspect and the sentence beneath: what was given, what it could be, and who says so."""
        guess = self.word(entry["suggested"])
        sure = percent(float(entry["suggested_p"]))
        return f"Labelled {self.word(label)}. Could it be {guess}?", f"{who} and its neighbours give {guess} {sure}."

    def decided(self, verdict: str, label: Any) -> str:
        """What was decided about a suspect."""
        words = {
            "relabel": f"Decided: {self.changed} {self.word(label)}.",
            "drop": f"Decided: taken out of training. Its {self.noun} was {self.word(label)}.",
            "keep": f"Decided: the {self.noun} {self.word(label)} is right.",
        }
        return words[verdict]

    suggested_help = "The likeliest other class, by the model and by the labels of the sample's neighbours."

    def suggestion(self, value: Any) -> str:
        """A suggested target in words."""
        return self.word(value)

    def choices(self) -> tuple[str, ...]:
        """Names to pick from or to tick; empty where targets are typed."""
        return self.targets.classes

    def figures(self, said: pd.DataFrame) -> list[Metric]:
        """The figures on top of the overview, of the test samples' lines of ``Project.predictions``."""
        right = said["correct"].to_numpy(dtype=bool)
        hits = int(right.sum())
        n = len(right)
        title = f"Test {self.task.figures[0].title}"
        return [
            {
                "label": title,
                "value": percent(right.mean() if n else None),
                "delta": share_range(hits, n),
                "help": f"On {plural(n, 'test sample')}; 95 % interval {share_range(hits, n)}.",
            },
            {"label": "Wrong predictions", "value": count(n - hits), "delta": "on the test set", "help": ""},
        ]

    def _measured(self, said: pd.DataFrame, first: int = 2) -> list[Metric]:
        """The task's first figures on some test samples, each with its bootstrap interval."""
        found = []
        for figure in self.task.figures[:first]:
            terms = figure.by_sample(said)
            interval = crossed(
                np.atleast_1d(figure.value(terms.mean(axis=-1))) if len(said) else np.array([np.nan]),
                np.asarray(figure.value(resampled_means(terms, 1000)))[:, None],
            )
            low, high = (value_words(figure, end) for end in (interval.low, interval.high))
            unit = f"{SPACE}{figure.unit}" if figure.unit else ""
            found.append(
                {
                    "label": title_of_figure(figure).replace(f" ({figure.unit})", ""),
                    "value": value_words(figure, interval.estimate),
                    "delta": f"{low.removesuffix(unit)} to {high}",
                    "help": f"On {plural(len(said), 'test sample')}; {figure.better} is better; 95 % interval.",
                }
            )
        return found

    def quality(self, said: pd.DataFrame) -> tuple[str, str, str]:
        """The foremost figure of some test samples: its title, its value, and its 95 % interval."""
        first = self.figures(said)[0]
        return first["label"], first["value"], first["delta"]

    def mistakes(self, test: pd.DataFrame, top: int) -> tuple[str, list[dict[str, Any]]]:
        """A title, and the commonest mistakes: ``words``, perhaps ``n`` in front (Markdown), and the ``row`` of an
        example."""
        worst = test.sort_values("loss", ascending=False, kind="stable").head(top)
        lines = [
            {"words": self.mistake(line), "row": int(line["row"])} for line in worst.reset_index().to_dict("records")
        ]
        return "Largest losses", lines

    def mistake(self, seen: Mapping[str, Any]) -> str:
        """One line of ``Project.predictions`` in a few words."""
        return f"{self.word(seen['label'])}, predicted {self.word(seen['prediction'])}"

    def summary(self) -> str:
        """What is predicted, for the head of the overview."""
        return plural(len(self.targets.classes), self.targets.group, "classes" if self.targets.group == "class" else "")

    def suspects(self, flags: "FlagResult", open_suspects: int) -> tuple[str, str, str, str]:
        """Of a search: title, number, what lies beneath, and what it means."""
        if flags.estimate:
            many, beneath = overview.wrong_labels(flags.estimate, open_suspects)
            return f"Probably wrong {self.nouns}", many, beneath, ESTIMATED
        apart = flags.apart
        beneath = f"{count(open_suspects)} open"
        return (
            f"{self.nouns.capitalize()} that stand apart",
            count(apart["count"]),
            beneath,
            (f"{apart['words'][:1].upper()}{apart['words'][1:]}. {apart['why']}".strip()),
        )

    def left_to_learn(self, final: Mapping[str, Mapping[str, float]], values: np.ndarray) -> str | None:
        """A sentence for a model that has learned next to nothing; None otherwise."""
        chance = self.task.chance(values)
        loss = final.get("train", {}).get("loss")
        if loss is None or not chance > 0 or not loss > overview.HARDLY * chance:
            return None
        return (
            f"The model has hardly learned: its loss on its own training samples is {three_digits(loss)} "
            f"{self.loss_unit}, where knowing nothing has {three_digits(chance)}. Influence, angles, the preview and "
            "the proof all stand on this model."
        )

    def by_target(
        self, values: np.ndarray, train: np.ndarray, test: pd.DataFrame, suspects: np.ndarray, edited: np.ndarray
    ) -> pd.DataFrame:
        """One line per part of the targets: training samples, the foremost figure on the test set, suspects, edits."""
        figure = self.task.figures[0]
        known = ~self.bare(values)
        rows = np.flatnonzero(known)
        column = f"test {figure.title}" + (f", {figure.unit}" if figure.unit else "")
        lines = []
        for name, inside in self._parts(values[known]).items():
            here = np.zeros(len(values), dtype=bool)
            here[rows[inside]] = True
            mine = test[here[test.index.to_numpy()]]
            lines.append(
                {
                    self.targets.group: name,
                    "training samples": int(here[train].sum()),
                    column: figure.of(mine) * figure.factor,
                    **self._sure(mine),
                    "test samples": len(mine),
                    "suspects": int(here[suspects].sum()) if len(suspects) else 0,
                    "edited": int(here[edited].sum()) if len(edited) else 0,
                }
            )
        table = pd.DataFrame(lines)
        return with_scores(table, self.scores(test) if len(test) and lines else None, column) if lines else table

    def _sure(self, test: pd.DataFrame) -> dict[str, str]:
        """The interval of the foremost figure of one line, where scores do not say it."""
        return {}

    def scores(self, test: pd.DataFrame) -> pd.DataFrame | None:
        """Precision, recall and F1 of each class or label on these lines of ``Project.predictions``; None for
        numbers."""
        if self.task.kind == "number":
            return None
        known = test[~self.bare(test["label"].to_numpy())]
        return by_class(*(self.targets.groups(known[name].to_numpy()) for name in ("label", "prediction")))

    def group_find(self, name: str, values: np.ndarray) -> str:
        """Filter words for the samples of one of ``by_target``'s lines, among targets ``values`` (n,)."""
        return words("label", name)

    def _parts(self, values: np.ndarray) -> dict[str, np.ndarray]:
        return self.targets.groups(values)

    @property
    def unit(self) -> str:
        """What stands behind the name of a column of numbers: ", mm"; "" where there is none."""
        return f", {self.task.target_unit}" if self.task.target_unit else ""

    def line(self, said: pd.DataFrame) -> dict[str, Any]:
        """Columns of a list of samples beside id, split and loss."""
        return {
            "prediction": [self.word(value) for value in said["prediction"]],
            "confidence": 100 * said["confidence"].to_numpy(),
        }

    def sorts(self, said: pd.DataFrame) -> dict[str, np.ndarray]:
        """What a list can be sorted by, largest first, beside loss and suspicion."""
        return {"least confident": -said["confidence"].to_numpy()}

    # what the data map tells, where its samples lie, and its axes
    data_map = (
        "how confident the model was of its label",
        "Top left: always sure of the label. Right: changed its mind. Bottom left: never believed the label, where "
        "wrong labels gather.",
        ("Change: standard deviation of the confidence over epochs", "Mean confidence in the given label over epochs"),
    )

    one_by_one = "Class by class"

    def steadiness(self, dynamics: pd.DataFrame) -> pd.Series:
        """What the data map tells of each row and epoch, from ``Run.dynamics``, by row."""
        return dynamics.set_index("row")["confidence"]

    def sides(self, values: np.ndarray, rows: np.ndarray, queries: Sequence[int]) -> dict[str, np.ndarray]:
        """Training rows beside the queries of Angles: with the same target or another."""
        return angles.sides(values, rows, np.unique(values[list(queries)]).tolist())

    def score_without(self, test: pd.DataFrame, left_out: np.ndarray) -> WithAndWithout:
        """The foremost figure on the test samples, with and without some."""
        figure = self.task.figures[0]
        return without(figure.by_sample(test), left_out, value=figure.value)

    def chance(self) -> str:
        """A sentence on what the loss of a model that knows nothing would be."""
        words = f"{three_digits(self.task.chance(self.values))} {self.loss_unit}"
        return f"A loss of {words} would be chance."


class ClassFace(Face):
    """One class per sample."""

    def mistakes(self, test: pd.DataFrame, top: int) -> tuple[str, list[dict[str, Any]]]:
        """Confusions of two classes."""
        found = overview.confusions(test, self.targets.classes, top).to_dict("records")
        lines = [
            {
                "n": f"**{count(one['n'])}** × ",
                "words": f"{one['label']} taken for {one['prediction']}",
                "row": one["row"],
            }
            for one in found
        ]
        return "Commonest mistakes", lines

    def left_to_learn(self, final: Mapping[str, Mapping[str, float]], values: np.ndarray) -> str | None:
        """Against guessing by class sizes."""
        return overview.left_to_learn(final, values)

    def by_target(
        self, values: np.ndarray, train: np.ndarray, test: pd.DataFrame, suspects: np.ndarray, edited: np.ndarray
    ) -> pd.DataFrame:
        """With the class that is most often predicted instead."""
        table = overview.class_table(self.targets.classes, values, train, test, suspects, edited)
        table["test accuracy"] *= 100
        named = table.rename({"test accuracy": "test accuracy, %"}, axis=1)
        return with_scores(named, self.scores(test) if len(test) else None, "test accuracy, %", recall=False)


class NumberFace(NumberStory, Face):
    """One number per sample, in the user's unit; colours run from the small to the large ones."""

    noun = "value"
    nouns = "values"
    change = "Set value"
    changed = "set to"
    changed_mark = "changed"
    counted = "with another value"
    typing = " (V to type it)"
    which = ("Largest errors", "All")
    picks = False
    sure = False
    score_all = "Score the tenth with the largest errors instead"
    no_memorization = (
        "Nothing to measure for numbers",
        "Memorization counts how often models are right; a number is only nearer or farther. The queue of Review holds "
        "what models know by heart: its detectors ask models that never saw the value.",
    )
    no_fairness = (
        "Nothing to measure for numbers",
        "Gaps and robustness here are about decisions. How large the errors are from small to large values stands on "
        "Overview and, before and after edits, on Retrain.",
    )

    def _sure(self, test: pd.DataFrame) -> dict[str, str]:
        figure = self.task.figures[0]
        inside = np.ones(len(test), dtype=bool)
        found = figure_against_rest(inside, figure.by_sample(test), figure.value)
        ends = [figure.factor * found[end] for end in ("low", "high")]
        sure = len(test) > 1 and bool(np.isfinite(ends).all())
        return {"95 % interval": f"{three_digits(max(0.0, ends[0]))} to {three_digits(ends[1])}" if sure else ""}

    def group_find(self, name: str, values: np.ndarray) -> str:
        """The band's ends."""
        known = values[~self.bare(values)]
        inside = known[self.targets.groups(known)[name]]
        return between("label", float(f"{inside.min():.6g}"), float(f"{inside.max():.6g}"))

    def word(self, value: Any) -> str:
        """Six digits at most, with the unit."""
        if not np.isfinite(value):
            return self.none
        return self.with_unit(f"{float(value):,.6g}")

    def with_unit(self, text: str) -> str:
        """A number's text with the user's unit."""
        return f"{text}{SPACE}{self.task.target_unit}".rstrip()

    def amount(self, value: float, signed: bool = False) -> str:
        """A difference in three digits."""
        return self.with_unit(three_digits(value, signed))

    @cached_property
    def _ends(self) -> tuple[float, float]:
        known = self.values[~self.bare(self.values)]
        if not len(known):
            return 0.0, 1.0
        low, high = np.quantile(known, (0.02, 0.98))
        return float(low), float(max(high, low + 1e-12))

    def colour(self, value: Any) -> str:
        """From the colour of small to that of large values, each the same on every page."""
        if not np.isfinite(value):
            return colours.NO_CLASS
        low, high = self._ends
        return colours.value_colour(float((value - low) / (high - low)))

    def says(self, seen: Mapping[str, Any]) -> tuple[str, str, float | None]:
        """The predicted number and how far it is from the given one."""
        predicted = self.amount(float(seen["prediction"]))
        error = float(seen["error"])
        far = f" ({self.amount(error, True)})" if np.isfinite(error) else ""
        return predicted, f"model says {predicted}{far}", None

    def groups(self, values: np.ndarray, rows: np.ndarray, dark: bool = False) -> list[scatter.Group]:
        """Steps of about equally many of all samples, the same whichever are drawn, in the colours of their values."""
        unit = f" {self.task.target_unit}".rstrip()
        every = values.astype(np.float64)
        return scatter.by_steps(every, rows, tuple(colours.VALUES), unit, dark, over=every)

    def typical(self, values: np.ndarray) -> str:
        """The middle one."""
        known = values[~self.bare(values)]
        return f"about {self.amount(float(np.median(known)))}" if len(known) else ""

    def queries(
        self, said: pd.DataFrame, wrong_only: bool, label: int | None, confidence: tuple[float, float]
    ) -> np.ndarray:
        """The largest errors first; the tenth of them with ``wrong_only``."""
        size = said["error"].abs().fillna(-1.0).to_numpy()
        order = np.argsort(-size, kind="stable")
        return said.index.to_numpy(dtype=np.int64)[order[: -(-len(order) // 10)] if wrong_only else order]

    @property
    def loss_help(self) -> str:
        """What a loss is."""
        return f"What training minimised: the error, in {self.loss_unit}."

    def question(self, label: Any, entry: Mapping[str, Any], who: str) -> tuple[str, str]:
        """The value, and what is suggested with its interval."""
        guess = self.amount(float(entry["suggested"]))
        title = f"Given as {self.word(label)}. Could it be {guess}?"
        by = f"Predicted by {who[:1].lower()}{who[1:].rstrip(',')}: {guess}."
        if "suggested_low" not in entry:
            return title, by
        low, high = (self.amount(float(entry[f"suggested_{end}"])) for end in ("low", "high"))
        return title, f"{by} For such a prediction nine of ten right values lie between {low} and {high}."

    suggested_help = "What is predicted without this sample's own value, with the interval of such predictions."

    def suggestion(self, value: Any) -> str:
        """To three digits."""
        return self.amount(float(value))

    def choices(self) -> tuple[str, ...]:
        """Typed."""
        return ()

    def summary(self) -> str:
        """The span of the values."""
        known = self.values[~self.bare(self.values)]
        return f"values from {self.word(known.min())} to {self.word(known.max())}" if len(known) else "no values"

    def mistakes(self, test: pd.DataFrame, top: int) -> tuple[str, list[dict[str, Any]]]:
        """The largest errors."""
        order = test["error"].abs().fillna(-1.0).sort_values(ascending=False, kind="stable").index[:top]
        lines = [{"words": self.mistake(test.loc[row]), "row": int(row)} for row in order]
        return "Largest errors", lines

    def mistake(self, seen: Mapping[str, Any]) -> str:
        """The value and the prediction."""
        return f"{self.word(seen['label'])}, predicted {self.amount(float(seen['prediction']))}"

    def figures(self, said: pd.DataFrame) -> list[Metric]:
        """The task's figures, each with its 95 % interval over the test samples."""
        return self._measured(said[np.isfinite(said["error"])] if len(said) else said)

    def line(self, said: pd.DataFrame) -> dict[str, Any]:
        """Prediction and error, as numbers to sort by."""
        return {"prediction": said["prediction"].to_numpy(), "error": said["error"].to_numpy()}

    def sorts(self, said: pd.DataFrame) -> dict[str, np.ndarray]:
        """By the size of the error."""
        return {"error": said["error"].abs().to_numpy()}

    data_map = (
        "how far the model was off",
        "Bottom left: always near the value. Right: changed its mind. Top: never came near the value, where wrong "
        "values gather.",
        ("Change: standard deviation of the error over epochs", "Mean size of the error over epochs"),
    )
    one_by_one = "From small to large values"

    def steadiness(self, dynamics: pd.DataFrame) -> pd.Series:
        """The size of the error."""
        return dynamics.set_index("row")["error"].abs()

    def sides(self, values: np.ndarray, rows: np.ndarray, queries: Sequence[int]) -> dict[str, np.ndarray]:
        """The tenth with the values nearest to the queries', and the others."""
        middle = float(np.nanmean(values[list(queries)]))
        apart = np.abs(values[rows] - middle)
        near = apart <= np.quantile(apart, 0.1) if len(rows) else np.zeros(0, dtype=bool)
        return {angles.ALL: rows} if near.all() else {angles.NEAR: rows[near], angles.FAR: rows[~near]}

    def chance(self) -> str:
        """The loss of always saying the mean."""
        words = f"{three_digits(self.task.chance(self.values))} {self.loss_unit}"
        return f"Always saying the same number would have a loss of {words}."


class SetFace(SetStory, Face):
    """Any number of labels per sample."""

    noun = "labels"
    nouns = "labels"
    verb = "are"
    no_fairness = (
        "Nothing to measure for sets of labels",
        "Gaps and robustness here are about one decision per sample. Each label's figures stand on Overview and, "
        "before and after edits, on Retrain.",
    )
    picks = False

    one_by_one = "Label by label"

    def figures(self, said: pd.DataFrame) -> list[Metric]:
        """The task's figures, each with its 95 % interval over the test samples."""
        return self._measured(said[~self.bare(said["label"].to_numpy())] if len(said) else said)

    def colour(self, value: Any) -> str:
        """That of the first label in the set."""
        value = int(value)
        return colours.class_colour((value & -value).bit_length() - 1) if value > 0 else colours.NO_CLASS

    def word(self, value: Any) -> str:
        """The labels with blanks between them."""
        return super().word(value).replace(";", "; ")

    def groups(self, values: np.ndarray, rows: np.ndarray, dark: bool = False) -> list[scatter.Group]:
        """The commonest sets, the rest together."""
        own, counts = np.unique(values[rows], return_counts=True)
        top = own[np.argsort(-counts, kind="stable")][: len(colours.CLASSES) - 1]
        found = [
            scatter.Group(self.word(value), colours.class_colour(place), rows[values[rows] == value])
            for place, value in enumerate(top)
        ]
        rest = rows[~np.isin(values[rows], top)]
        return [*found, *([scatter.Group("other labels", colours.NO_CLASS, rest)] if len(rest) else [])]

    @property
    def loss_help(self) -> str:
        """What a loss is."""
        return "The sum over labels of minus the logarithm of the probability that the model gives what stands there."


class TextFace(TextStory, Face):
    """Rows of text that a language model learns: nothing to label, and more or less likely to the model."""

    noun = "text"
    nouns = "texts"
    change = "Edit text"
    changed = "rewritten"
    changed_mark = "rewritten"
    counted = "rewritten"
    which = ("Largest losses", "All")
    one_by_one = ""
    picks = False
    sure = False
    told = False
    score_all = "Score the tenth with the largest losses instead"
    no_search = (
        "No wrong labels to look for in texts",
        "A text has no label that could be wrong. What may be wrong with it is looked for otherwise: rows that the "
        "model finds unlikely, repeats, broken turns, and rows that taught a behaviour nobody wants.",
    )
    no_memorization = (
        "Not measured for texts",
        "Memorization counts how often models that never saw a label are right about it, and a text is only more or "
        "less likely. What a model has by heart shows as a loss that fell to nothing: sort Browse by loss.",
    )
    no_fairness = (
        "Not measured for texts",
        "Gaps and robustness here are about one decision per sample. How large the loss is for one topic or another "
        "stands on Overview under Where it does worse, by the columns of your file.",
    )
    data_map = (
        "how large its loss was",
        "Bottom left: easy from the start. Right: its loss changed most. Top: never became likely, where odd rows "
        "gather.",
        ("Change: standard deviation of the loss over epochs", "Mean loss over epochs, nats"),
    )

    def word(self, value: Any) -> str:
        """Whether somebody rewrote it."""
        return self.changed if value > 0 else super().word(value)

    def tag(self, value: Any) -> str:
        """Nothing, unless somebody rewrote it."""
        return "" if self.bare(value) or not value else self.changed

    def colour(self, value: Any) -> str:
        """One for all."""
        return colours.class_colour(0)

    def says(self, seen: Mapping[str, Any]) -> tuple[str, str, float | None]:
        """How likely the model finds the row."""
        return "", self.mistake(seen), None

    def groups(self, values: np.ndarray, rows: np.ndarray, dark: bool = False) -> list[scatter.Group]:
        """All together."""
        return [scatter.Group("samples", colours.class_colour(0), rows)]

    def typical(self, values: np.ndarray) -> str:
        """Nothing: all are alike."""
        return ""

    def queries(
        self, said: pd.DataFrame, wrong_only: bool, label: int | None, confidence: tuple[float, float]
    ) -> np.ndarray:
        """The largest losses first; the tenth of them with ``wrong_only``."""
        order = np.argsort(-said["loss"].fillna(-1.0).to_numpy(), kind="stable")
        return said.index.to_numpy(dtype=np.int64)[order[: -(-len(order) // 10)] if wrong_only else order]

    def choices(self) -> tuple[str, ...]:
        """None."""
        return ()

    def figures(self, said: pd.DataFrame) -> list[Metric]:
        """The task's figures, each with its 95 % interval over the test samples; a long unit stands with the
        interval."""
        found = self._measured(said, len(self.task.figures))
        return [one | {"value": one["value"].removesuffix(f"{SPACE}{self.loss_unit}")} for one in found]

    def mistakes(self, test: pd.DataFrame, top: int) -> tuple[str, list[dict[str, Any]]]:
        """How many tokens the model would have said itself; the loss stands on the card."""
        title, lines = super().mistakes(test, top)
        for line in lines:
            seen = test.loc[line["row"]]
            right = round(float(np.nan_to_num(seen["tokens"] * seen["tokens_right"])))
            line["words"] = f"{count(right)} of {plural(int(seen['tokens']), 'token')} right"
        return title, lines

    def mistake(self, seen: Mapping[str, Any]) -> str:
        """How unlikely a row is."""
        return f"loss {three_digits(float(seen['loss']))} {self.loss_unit}"

    def summary(self) -> str:
        """What is learned."""
        return "texts to learn from"

    def left_to_learn(self, final: Mapping[str, Mapping[str, float]], values: np.ndarray) -> str | None:
        """What knowing nothing costs is not known."""
        return None

    def scores(self, test: pd.DataFrame) -> pd.DataFrame | None:
        """None: there are no classes."""
        return None

    def line(self, said: pd.DataFrame) -> dict[str, Any]:
        """Tokens, and how many of them the model finds likeliest."""
        return {"tokens": said["tokens"].to_numpy(), "tokens right, %": 100 * said["tokens_right"].to_numpy()}

    def sorts(self, said: pd.DataFrame) -> dict[str, np.ndarray]:
        """By length, and by how few tokens are right."""
        return {"most tokens": said["tokens"].to_numpy(), "fewest tokens right": -said["tokens_right"].to_numpy()}

    def steadiness(self, dynamics: pd.DataFrame) -> pd.Series:
        """The loss."""
        return dynamics.set_index("row")["loss"]

    def sides(self, values: np.ndarray, rows: np.ndarray, queries: Sequence[int]) -> dict[str, np.ndarray]:
        """All on one."""
        return {angles.ALL: rows}

    def chance(self) -> str:
        """What perplexity is."""
        return "Perplexity is e to the loss: among how many equally likely tokens the model would have to guess."

    @property
    def loss_help(self) -> str:
        """What a loss is."""
        return "Minus the logarithm of the probability that the model gives the words it learns, in the mean per token."


FACES: dict[str, type[Face]] = {"class": ClassFace, "number": NumberFace, "set": SetFace, "text": TextFace}


def face_of(dataset: "Dataset") -> Face:
    """The face of a dataset's targets."""
    return FACES[dataset.task.targets.kind](dataset.task, dataset.labels)


def who_says(flags: "FlagResult") -> str:
    """Whose suggestions a search's are."""
    return "Models that never saw it" if flags.config.get("held_out", True) else "The model, which trained on it,"
