"""The columns of a project: what is known of every sample, by the name that filter words use."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from attribution.browse import turns
from attribution.browse.kinds import Category, Column, Flag, Marks, Number, Text
from attribution.browse.own import own_column
from attribution.browse.words import quoted
from attribution.datasets.chat.conversation import TURNS
from attribution.errors import UserError
from attribution.tasks.targets import parts_of

SPLITS = ("train", "val", "test")
VERDICTS = ("relabel", "drop", "keep")
LIKE = "like"
LATER = {  # columns that come with a piece of work, and that work
    **dict.fromkeys(("prediction", "right", "error", "certainty", "loss", "change"), "a training (datablame train)"),
    **dict.fromkeys(("suspicion", "kind"), "a search for what is wrong (datablame flag)"),
    "influence": "a query whose influence is computed (datablame score, page Influence)",
}
DATA = "data."  # before a column of the user's that is called as one of ours


class Columns(Mapping[str, Column]):
    """All columns of what is seen of a project (``See``); each is made when it is asked for, and reads when its values
    are."""

    def __init__(self, see: Any) -> None:
        self.see = see
        theirs = _theirs(see)
        self.own = tuple(theirs)
        self._makers = {**_ours(see), **theirs}
        self._made: dict[str, Column] = {}
        # the task's own noun, and what the user's files call the columns that we have under a name of ours
        given = see.project.data_config
        target = target_name(see.project.dataset)
        others = dict.fromkeys((see.project.dataset.task.targets.noun, "label", given.label), target)
        others |= {getattr(given, role): role for role in ("text", "id", "split", "group")}
        others |= {f"{DATA}{name}": name for name in see.project.dataset.own_names}
        made = self._makers
        self._aliases = {name: ours for name, ours in others.items() if name not in made and ours in made}

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __contains__(self, name: object) -> bool:
        return self._aliases.get(str(name), name) in self._makers

    def called(self, name: str) -> str:
        """The column that a name or another word for it means; ``UserError`` naming those there are."""
        name = self._aliases.get(name, name)
        if name in self._makers:
            return name
        folded = {known.casefold(): known for known in reversed(list(self._makers))}
        if name.casefold() in folded:
            return folded[name.casefold()]
        raise self._unknown(name)

    def _unknown(self, name: str) -> UserError:
        there = f"There are: {', '.join(map(quoted, self._makers))}, {LIKE}."
        if name in LATER:
            return UserError(
                f"{name} is not known here.", f"It comes with {LATER[name]}, where it has any meaning.", there
            )
        near = difflib.get_close_matches(name, list(self._makers), 1)
        return UserError(
            f"There is no column {name!r}.",
            there,
            f"Write {near[0]}:... if you mean that one." if near else f'To look for the words, write "{name}:...".',
        )

    def __getitem__(self, name: str) -> Column:
        name = self.called(name)
        if name not in self._made:
            self._made[name] = self._makers[name]()
        return self._made[name]


Makers = dict[str, Callable[[], Column]]


def _ours(see: Any) -> Makers:
    """Ours; what a model or a search says only where there is one."""
    made = [*_given(see), *_judged(see), *_marked(see)]
    return {column.name: lambda column=column: column for column in made}  # type: ignore[misc]


def _theirs(see: Any) -> Makers:
    dataset = see.project.dataset
    taken = {*_ours(see), LIKE}
    found: Makers = {}
    for name in dataset.own_names:
        shown = f"{DATA}{name}" if name in taken else name
        found[shown] = lambda name=name, shown=shown: own_column(dataset, name, shown)  # type: ignore[misc]
    return found


def target_name(dataset: Any) -> str:
    """What the column of targets is called: that of numbers by their own noun."""
    targets = dataset.task.targets
    return str(targets.noun) if targets.kind == "number" else "label"


def _given(see: Any) -> Iterator[Column]:
    """What came with the data."""
    dataset = see.project.dataset
    yield Category("split", "Whether it is trained on, or held out.", lambda: (_splits(dataset), SPLITS))
    if dataset.task.targets.kind != "text":  # whose samples are what is given
        yield _target(see, target_name(dataset), "What is given now, your changes included.", lambda: see.labels.values)
    yield Text("id", "The sample's name; it never changes.", lambda: dataset.column("id"))
    if see.project.dataset.has("text"):
        yield Text("text", "The text itself.", lambda: dataset.column("text"))
    if dataset.has(TURNS):
        yield from turns.columns(dataset)
    if see.project.dataset.has("group"):
        summary = f"Your column {see.project.data_config.group}, named as the group."
        yield Category("group", summary, lambda: _named(dataset.column("group")))


def _judged(see: Any) -> Iterator[Column]:
    """What the model and the searches say."""
    kind = see.project.dataset.task.targets.kind
    unit = see.project.dataset.task.target_unit
    if see.run is not None:
        if kind != "text":
            yield _target(see, "prediction", "What the model says.", lambda: see.predictions["prediction"].to_numpy())
        if kind == "text":
            yield from turns.judged(see)
        elif kind == "number":
            summary = "Prediction minus value."
            yield Number("error", summary, lambda: see.predictions["error"].to_numpy(dtype=np.float64), unit)
        else:
            yield Flag("right", "Whether the model says what is given.", lambda: _right(see))
            yield Number("certainty", "How sure the model is of what it says, 0 to 1.", lambda: _sure(see))
        summary = "How far the model is from what is given; large is far."
        yield Number("loss", summary, lambda: _loss(see), see.project.dataset.task.unit)
        if (see.run.folder / "dynamics.parquet").is_file():
            summary = "By how much training lowered its loss, first epoch to last; training samples."
            yield Number("change", summary, lambda: _change(see), see.project.dataset.task.unit)
    if see.flags is not None:
        yield Number("suspicion", "How likely what is given is wrong, 0 to 1; training samples.", lambda: see.suspicion)
    if see.categories is not None:
        yield Category("kind", "What a suspect probably is.", lambda: _kinds(see))
    if see.influence is not None:
        yield Number("influence", "On the query chosen on Influence; above zero helps it.", lambda: _influence(see))


def _loss(see: Any) -> np.ndarray:
    return np.asarray(see.predictions["loss"].to_numpy(dtype=np.float64))


def _marked(see: Any) -> Iterator[Column]:
    """What people decided."""
    n = len(see.project.dataset)
    yield Category("verdict", "What was decided about it.", lambda: _verdicts(see))
    noun = see.project.dataset.task.targets.noun
    yield Flag("edited", f"Whether it was given another {noun}, or taken out.", lambda: _edited(see))
    yield Marks("tag", "Tags that people put on it.", lambda: (n, see.marks["tags"].to_dict()))
    yield Flag("unsure", "Whether somebody could not decide.", lambda: _at(n, see.marks["unsure"]))
    yield Text("note", "What people wrote about it.", lambda: _notes(n, see.marks["note"]))


def _target(see: Any, name: str, summary: str, values: Callable[[], np.ndarray]) -> Column:
    """A column of targets: numbers as they are, classes and sets by their words."""
    dataset = see.project.dataset
    targets = dataset.task.targets
    if targets.kind == "number":
        return Number(name, summary, lambda: np.asarray(values(), dtype=np.float64), dataset.task.target_unit)
    parts: Callable[[str], Any] = parts_of if targets.kind == "set" else lambda word: (word,)
    return Category(name, summary, lambda: _words(targets, dataset.labels, values()), parts=parts)


def _words(targets: Any, base: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """The place of each target's word among those of all targets, given or imported; -1 for none."""
    different = np.unique(np.concatenate([np.unique(base), np.unique(values)]))
    different = different[~targets.bare(different)]
    if not len(different):
        return np.full(len(values), -1, dtype=np.int32), ()
    places = np.minimum(np.searchsorted(different, values), len(different) - 1)
    codes = np.where(different[places] == values, places, -1).astype(np.int32)
    return codes, tuple(targets.words(different))


def _splits(dataset: Any) -> np.ndarray:
    return np.repeat(np.arange(len(SPLITS), dtype=np.int8), [dataset.info.counts[name] for name in SPLITS])


def _named(values: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    import pandas as pd

    codes, names = pd.factorize(values, sort=True)
    return codes, tuple(map(str, names))


def _right(see: Any) -> np.ndarray:
    right = see.predictions["correct"].to_numpy(dtype=bool).astype(np.int8)
    return np.where(see.project.dataset.task.targets.bare(see.labels.values), np.int8(-1), right)


def _sure(see: Any) -> np.ndarray:
    return see.predictions["confidence"].to_numpy(dtype=np.float64)


def _kinds(see: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    codes = np.full(len(see.project.dataset), -1, dtype=np.int8)
    names = tuple(see.categories.counts)
    table = see.categories.table
    places = {name: place for place, name in enumerate(names)}
    codes[table["row"].to_numpy()] = [places[name] for name in table["category"]]
    return codes, names


def _change(see: Any) -> np.ndarray:
    values = np.full(len(see.project.dataset), np.nan)
    table = see.project.losses(see.run)
    values[table["row"].to_numpy()] = table["change"].to_numpy()
    return values


def _influence(see: Any) -> np.ndarray:
    values = np.full(len(see.project.dataset), np.nan)
    values[see.influence[0]] = see.influence[1]
    return values


def _verdicts(see: Any) -> tuple[np.ndarray, tuple[str, ...]]:
    codes = np.full(len(see.project.dataset), -1, dtype=np.int8)
    places = {"": -1} | {name: place for place, name in enumerate(VERDICTS)}
    codes[see.states.index.to_numpy(dtype=np.int64)] = [places.get(name, -1) for name in see.states["verdict"]]
    return codes, VERDICTS


def _edited(see: Any) -> np.ndarray:
    dataset = see.project.dataset
    changed = ~dataset.task.targets.same(see.labels.values, dataset.labels)
    return (changed | (see.labels.active != dataset.labelled)).astype(np.int8)


def _at(n: int, marked: Any) -> np.ndarray:
    values = np.zeros(n, dtype=np.int8)
    values[marked.index.to_numpy(dtype=np.int64)] = marked.to_numpy(dtype=bool)
    return values


def _notes(n: int, notes: Any) -> np.ndarray:
    values = np.full(n, None, dtype=object)
    values[notes.index.to_numpy(dtype=np.int64)] = notes.to_numpy(dtype=object)
    return values
