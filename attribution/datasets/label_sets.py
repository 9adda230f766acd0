"""Several labels per sample: cells such as ``cat;dog``, each part one form per label."""

from collections import Counter
from dataclasses import replace
from typing import Any

from attribution.datasets.labels import alike, labelled
from attribution.datasets.source import Source, listed, natural_order, note
from attribution.datasets.words import tidy, whole
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.targets import MOST_LABELS, NOTHING, SEPARATOR, Targets, parts_of

OTHER_SIGNS = "|,"


def read_sets(source: Source, config: "DataConfig", targets: "Targets") -> Source:
    """The source with every cell as its labels in one form and order, and ``classes`` set to the labels there are."""
    words = source.samples["label"]
    parts = {word: [tidy(whole(part)) for part in parts_of(word)] for word in words.unique()}
    names = tuple(tidy(whole(name)) for name in source.classes) or tuple(
        natural_order({part for some in parts.values() for part in some})
    )
    _check(source, names, parts)
    place = {name: number for number, name in enumerate(names)}
    form = {
        word: (SEPARATOR.join(sorted(set(some), key=place.__getitem__)) or NOTHING) if word else ""
        for word, some in parts.items()
    }
    said = [*alike(list(names)), *_unsplit(source, names)]
    samples = source.samples.assign(label=words.map(form).astype(object))
    return replace(source, samples=samples, classes=names, problems=[*source.problems, *said])


def _check(source: Source, names: tuple[str, ...], parts: dict[str, list[str]]) -> None:
    known = set(names)
    for word, some in parts.items():
        if unknown := [part for part in some if part not in known]:
            row = int((source.samples["label"] == word).to_numpy().argmax())
            raise UserError(
                f"{source.where(row)} has the label {unknown[0]!r}, which is not one of [{listed(names)}].",
                "Its name is unknown.",
                "Correct the label or add it to the classes.",
            )
    if len(names) < 2:
        raise UserError(
            f"The labels of {source.path.name} are {listed(names) or 'none at all'}.",
            "Several labels per sample need at least two labels to choose from.",
            f"Check the label column; several labels are separated by {SEPARATOR!r}.",
        )
    if len(names) > MOST_LABELS:
        raise UserError(
            f"{source.path.name} has {len(names):,} different labels, such as {listed(names, 3)}.",
            f"At most {MOST_LABELS} labels per data set are kept.",
            "Leave out rare labels, or join some.",
        )


def _unsplit(source: Source, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """A line where another sign seems to separate the labels."""
    known = labelled(source).samples["label"]
    for sign in OTHER_SIGNS:
        joined = [name for name in names if sign in name.strip(sign)]
        single = Counter(name for name in names if sign not in name)
        if joined and all(part.strip() in single for name in joined for part in name.split(sign)):
            shown = listed([repr(name) for name in joined], 3)
            what = f"{shown} may be several labels; they are separated by {SEPARATOR!r}"
            return [note("labels", what, int(known.isin(joined).sum()))]
    return []
