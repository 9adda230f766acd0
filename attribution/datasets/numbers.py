"""Numbers as targets: the one way in which a label column writes them, and what cannot be learned from."""

from dataclasses import replace
from typing import Any

import numpy as np

from attribution.datasets.columns import SPELLINGS, bare, spelling
from attribution.datasets.encode import standardised
from attribution.datasets.labels import labelled
from attribution.datasets.source import Source, listed, note
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.targets import Targets

FEW = 10  # different values: said, as classes may have been meant
AGREES = 0.9999  # of rank correlation with the target: a column that is the answer in another unit
NEAR = 0.995  # said
FEWEST_ROWS = 10  # in fewer a column may agree by chance
OR_CLASSES = "If the labels are classes, say so: --task classification."


def read_numbers(source: Source, config: "DataConfig", targets: "Targets") -> Source:
    """The source with every label in the shortest words of its number, checked; what was said of them is among its
    problems. ``UserError`` with the place for what is no finite number, for a constant, and for a column that is the
    target once more."""
    known = labelled(source)
    words = known.samples["label"]
    values, spelled = _values(known, words.unique().tolist())
    column = words.map(values).to_numpy(dtype=np.float64)
    _refuse_constant(source, column)
    said = [*_few(column), *_answers(known, column)]
    if spelled:
        first = words.iloc[0]
        said.append(note("labels", f"read as {spelled}: {first!r} is {values[first]:.10g}"))
    form = {"": "", **{word: targets.word(value) for word, value in values.items()}}
    samples = source.samples.assign(label=source.samples["label"].map(form).astype(object))
    return replace(source, samples=samples, classes=(), problems=[*source.problems, *said])


def _values(source: Source, words: list[str]) -> tuple[dict[str, float], str]:
    """The number that each of these different words says, and how they are written ("" for plainly)."""
    plain = {word: bare(word) for word in words}
    spelled = spelling(list(plain.values()))
    if spelled is None:
        odd = [word for word in words if spelling([plain[word]]) is None]
        where = source.where(_first(source, (odd or words)[0]))
        if odd:
            raise UserError(
                f"{where} has the label {odd[0]!r}, which is no number.",
                f"A quantity is to be predicted; {len(words) - len(odd):,} of {len(words):,} labels are numbers.",
                f"Correct it or remove the row. {OR_CLASSES}",
            )
        raise UserError(
            f"The numbers in the labels of {source.path.name} are written in more than one way, such as "
            f"{listed([repr(word) for word in words], 3)}.",
            "What they mean cannot be told apart.",
            "Write all of them alike.",
        )
    values = {word: float(spelled.value(text)) + 0.0 for word, text in plain.items()}
    endless = [word for word, value in values.items() if not np.isfinite(value)]
    if endless:
        raise UserError(
            f"{source.where(_first(source, endless[0]))} has the label {endless[0]!r}, which is no finite number.",
            "It is beyond the largest number of 64 bits.",
            "Correct it or remove the row, or take the logarithm of the column.",
        )
    return values, "" if spelled is SPELLINGS[0] else spelled.said


def _first(source: Source, word: str) -> int:
    return int(np.flatnonzero((source.samples["label"] == word).to_numpy())[0])


def _refuse_constant(source: Source, values: np.ndarray) -> None:
    if len(values) and values.min() == values.max():
        raise UserError(
            f"All samples of {source.path.name} have the value {values[0]:g}.",
            "There is nothing to predict.",
            "Check the label column.",
        )


def _few(values: np.ndarray) -> list[dict[str, Any]]:
    """A line where a quantity takes only a few values."""
    different = np.unique(values)
    if len(different) >= FEW:
        return []
    shown = listed([f"{value:g}" for value in different])
    return [note("labels", f"only {len(different)} different numbers ({shown}), taken as a quantity as asked")]


def _answers(source: Source, values: np.ndarray) -> list[dict[str, Any]]:
    """Lines about number columns in nearly the order of the target; ``UserError`` for one that is it."""
    names = [name for name in source.samples.columns if name.startswith("col:")]
    numeric = [name for name in names if source.samples[name].dtype.kind in "iuf"]
    if len(values) < FEWEST_ROWS:
        return []
    told = []
    ranks = _ranks(values)
    for name in numeric:
        agrees = abs(_correlation(ranks, _ranks(source.samples[name].to_numpy(dtype=np.float64))))
        if agrees > AGREES:
            raise UserError(
                f"Column {name[4:]} of {source.path.name} repeats the target: it puts the rows in the same order.",
                "The model would be given the answer.",
                "Leave it out: name the features without it (--features), or remove the column.",
            )
        if agrees > NEAR:
            what = f"is nearly the target (rank correlation {agrees:.4f}). If it is known only after it, leave it out"
            told.append(note(f"column {name[4:]}", what))
    return told


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks (n,), equal values share the middle of theirs."""
    _, position, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[position])


def _correlation(left: np.ndarray, right: np.ndarray) -> float:
    left = left - left.mean()
    right = right - right.mean()
    size = float(np.sqrt((left**2).sum() * (right**2).sum()))
    return float((left * right).sum()) / size if size else 0.0


def scale(source: Source, values: np.ndarray, splits: np.ndarray) -> dict[str, float]:
    """Mean and deviation of the training values, by which targets are trained on; ``UserError`` where they do not
    differ."""
    training = splits == "train"
    if not training.any():
        raise UserError(
            f"{source.path.name} has no training samples.",
            "There is nothing to learn from.",
            "Mark some samples as train, or lower the fractions.",
        )
    block, (described,) = standardised(values, training, "of the labels")
    if not block[training].any():
        raise UserError(
            f"All training samples of {source.path.name} have the value {values[training][0]:g}.",
            "There is nothing to learn from.",
            "Check the label column and the splits.",
        )
    return {"mean": described["mean"], "std": described["std"]}
