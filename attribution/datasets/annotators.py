"""Several annotators' labels: from the columns of a table to one label per sample, and how far they agree on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.frames import PART, row_name
from attribution.datasets.labels import label_words, no_label
from attribution.datasets.roles import AGREEMENT, LONG
from attribution.datasets.source import listed, note
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.choice import chosen

if TYPE_CHECKING:
    import pandas as pd

Problems = list[dict[str, Any]]


def joined(frame: "pd.DataFrame", config: DataConfig, path: Path, problems: Problems) -> "tuple[pd.DataFrame, Any]":
    """The frame with one line per sample, the consensus as its label (unless there is a label column) and the share of
    its annotators that say it; and the place of each line in ``frame`` (int64). As it is where none are named."""
    places = np.arange(len(frame), dtype=np.int64)
    if not config.annotators:
        return frame, places
    names = list(config.annotators)
    if len(names) == 1:
        _check_long(frame, config, path)
        frame, places, names = _wide(frame, config, path)
    _check(frame, names, config, path)
    words = np.stack([words_of(frame, name, path) for name in names], axis=1)  # (n, annotators)
    own = len(config.annotators) > 1 and config.label in frame
    labels, tied = (words_of(frame, config.label, path), 0) if own else consensus(words)
    agree = agreement(words, labels)
    several = (words != "").sum(axis=1) > 1
    problems.append(_said(names, several, agree, tied, config.label if own else ""))
    found = frame.assign(**{AGREEMENT: agree})
    return found if own else found.assign(**{config.label: [word or None for word in labels]}), places


def _check(frame: "pd.DataFrame", names: Sequence[str], config: DataConfig, path: Path) -> None:
    """``UserError`` for labels that have no consensus, and for columns of annotators that are not there."""
    if chosen(config).kind != "class":
        raise UserError(
            "Several annotators are named, but the labels are no classes.",
            "A consensus is the class that most of them say.",
            "Make it one column beforehand: the mean, or the labels that most say.",
        )
    if config.label in names:
        raise UserError(
            f"Column {config.label!r} is both the label and an annotator's.",
            "The label is what most annotators say.",
            "Name another column as the label, or none: --label label.",
        )
    absent = [name for name in names if name not in frame]
    if absent:
        raise UserError(
            f"{path.name} has no column {absent[0]!r}.",
            "It was named as an annotator's.",
            f"Choose of: {listed([name for name in frame.columns if not name.startswith('__')], 30)}.",
        )


def _check_long(frame: "pd.DataFrame", config: DataConfig, path: Path) -> None:
    """``UserError`` unless the columns are there that say who calls which sample what."""
    roles = (
        (config.annotators[0], "names the annotators"),
        (config.id, "says which sample"),
        (config.label, "says what"),
    )
    for name, role in roles:
        if not name or name not in frame:
            raise UserError(
                f"{path.name} has no column {name!r}." if name else "No id column is named.",
                f"With one annotator column each line is one label, and this column {role}.",
                "Name the three: --id, --annotators and --label; or name a column for each annotator.",
            )


def words_of(frame: "pd.DataFrame", name: str, path: Path) -> np.ndarray:
    """What one annotator says of each sample (n,) object, "" where nothing."""
    words, _, bad = label_words(frame[name])
    if bad is not None:
        raise no_label(row_name(frame, bad[0], path), bad[1])
    return words


def _wide(frame: "pd.DataFrame", config: DataConfig, path: Path) -> "tuple[pd.DataFrame, np.ndarray, list[str]]":
    """From a line per label (sample, annotator, label) to a line per sample, in the order in which they come first."""
    import pandas as pd

    who = config.annotators[0]
    codes, _ = pd.factorize(frame[config.id].astype(str))
    columns = _cells(frame, codes, config, path)
    places = np.unique(codes, return_index=True)[1].astype(np.int64)
    kept = frame.iloc[places].drop(columns=[who, config.label])
    if PART not in kept:
        kept = kept.assign(**{PART: [f"row {place + 1}" for place in places.tolist()]})
    return kept.reset_index(drop=True).assign(**columns), places, list(columns)


def _cells(frame: "pd.DataFrame", codes: np.ndarray, config: DataConfig, path: Path) -> dict[str, np.ndarray]:
    """What each annotator says of each sample, by the names of their columns; ``codes`` (n,) says of which sample each
    line is. ``UserError`` for a second label of one annotator, and for a line without one."""
    people = words_of(frame, config.annotators[0], path)
    said = words_of(frame, config.label, path)
    column = {name: f"{config.annotators[0]}{LONG}{name}" for name in dict.fromkeys(people.tolist()) if name}
    found = {name: np.full(int(codes.max()) + 1, "", dtype=object) for name in column.values()}
    for place, (code, name) in enumerate(zip(codes, people, strict=True)):
        cell = found.get(column.get(name, ""))
        if cell is None or (cell[code] and cell[code] != said[place]):
            raise UserError(
                f"{row_name(frame, place, path)} {'names no annotator' if cell is None else 'is a second label'}.",
                "Each line is what one annotator says of one sample, once.",
                "Correct or remove the line.",
            )
        cell[code] = said[place]
    return found


def consensus(words: np.ndarray) -> tuple[np.ndarray, int]:
    """The class (n,) that most annotators say of each sample (n, annotators), "" where nobody says one; and how many
    were tied. Ties go to those who agree more with the samples that are not tied, then to the class that is named more
    often, then to the alphabet."""
    votes = [Counter(word for word in line if word) for line in words]
    most = [[word for word, count in vote.items() if count == max(vote.values())] for vote in votes]
    labels = np.array([best[0] if len(best) == 1 else "" for best in most], dtype=object)
    told = labels != ""
    there = words != ""
    with np.errstate(invalid="ignore"):
        right = (words == labels[:, None]) & told[:, None]
        trust = right.sum(axis=0) / (there & told[:, None]).sum(axis=0)
    trust = np.where(np.isfinite(trust), trust, np.nanmean(trust) if np.isfinite(trust).any() else 1.0)
    often = Counter(words[there].tolist())
    tied = [place for place, best in enumerate(most) if len(best) > 1]
    for place in tied:
        weight = {word: round(float(trust[words[place] == word].mean()), 9) for word in most[place]}
        labels[place] = min(most[place], key=lambda word: (-weight[word], -often[word], word))
    return labels, len(tied)


def agreement(words: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The share of a sample's annotators (n, annotators) that say its label (n,); NaN where nobody said anything."""
    there = (words != "").sum(axis=1)
    same = ((words == labels[:, None]) & (words != "")).sum(axis=1)
    return np.divide(same, there, out=np.full(len(labels), np.nan), where=there > 0)


def _said(names: Sequence[str], several: np.ndarray, agree: np.ndarray, tied: int, own: str) -> dict[str, Any]:
    whole = float((agree[several] == 1).mean()) if several.any() else 1.0
    what = (
        f"{len(names)} annotators ({listed(list(names), 6)}), {int(several.sum()):,} samples with several; "
        f"they all agree on {whole:.0%} of these"
    )
    label = f"the label is that of column {own}" if own else "the label is what most say"
    return note("annotators", f"{what}; {label}{f', {tied:,} were tied' if tied else ''}", int(several.sum()))


def quality(words: Mapping[str, np.ndarray], labels: np.ndarray) -> "pd.DataFrame":
    """A line per annotator: how many samples they labelled, how many of these others labelled too (``shared``), the
    share of all on which they say what the label is now (``agree``), of the shared ones (``agree_shared``), and what
    they most often say instead (``instead``: "cat for dog (7)"). Those who agree least come first."""
    import pandas as pd

    every = np.stack(list(words.values()), axis=1)
    several = (every != "").sum(axis=1) > 1
    lines = []
    for name, said in words.items():
        there = (said != "") & (labels != "")
        same = said == labels
        wrong = Counter(zip(said[there & ~same], labels[there & ~same], strict=True)).most_common(1)
        shared = there & several
        lines.append(
            {
                "annotator": name,
                "labels": int(there.sum()),
                "shared": int(shared.sum()),
                "agree": float(same[there].mean()) if there.any() else np.nan,
                "agree_shared": float(same[shared].mean()) if shared.any() else np.nan,
                "instead": f"{wrong[0][0][0]} for {wrong[0][0][1]} ({wrong[0][1]:,})" if wrong else "",
            }
        )
    columns = ["annotator", "labels", "shared", "agree", "agree_shared", "instead"]
    return pd.DataFrame(lines, columns=columns).sort_values("agree", kind="stable").reset_index(drop=True)
