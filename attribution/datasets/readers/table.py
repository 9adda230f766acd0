"""Turn the rows of a table into samples: labels, ids, splits and groups, and feature columns or one column of text."""

import re
from abc import abstractmethod
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import annotators, beside, hugging_features
from attribution.datasets.address import Address, address_of
from attribution.datasets.columns import feature, missing_value
from attribution.datasets.frames import (
    PART,
    SPLIT_OF_PART,
    SUFFIXES,
    first_rows,
    is_csv,
    is_table_folder,
    missing,
    read_frame,
    row_name,
)
from attribution.datasets.labels import kept_without_label, label_words, no_label, without_label
from attribution.datasets.names import NO_PROJECT
from attribution.datasets.picture_columns import (
    PictureColumn,
    gone,
    names_elsewhere,
    not_used,
    picture_column,
    refuse_outside,
)
from attribution.datasets.pictures import PictureFiles
from attribution.datasets.readers import register
from attribution.datasets.readers.base import Reader
from attribution.datasets.roles import roles
from attribution.datasets.source import Source, left_out, listed, note, together
from attribution.datasets.splits import split_meanings, split_name
from attribution.datasets.stored import Files, Stored
from attribution.datasets.words import tidy
from attribution.errors import UserError
from attribution.settings.configs import DataConfig, from_dict
from attribution.tasks.choice import chosen

if TYPE_CHECKING:
    import pandas as pd

OWN = (PART, SPLIT_OF_PART)


class Rows(Reader):
    """A reader whose data are the rows of a frame. A subclass says how the frame is read: ``frame``."""

    kind = "table"

    @abstractmethod
    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        """All rows, and the columns of pictures that stay in their files. Columns ``as_text`` are kept as written where
        the format does not say their type; ``UserError`` for more than ``max_gigabytes`` of memory (0: no limit)."""

    def read(self, config: DataConfig) -> Source:
        """The rows that have a label, checked: no other value may be missing, and numbers must be finite.

        Rows count from 1, without the header. Ids are the id column, or ``row-00017``. A column called ``split`` is
        taken as the split when none is named. Rows without a label, columns that only count the rows and the index of a
        Parquet file are left out and listed. A column of pictures (or of paths of pictures that lie beside the table)
        makes them pictures, unless text or features are named. Memory: the whole table. Raises ``UserError`` naming row
        and column.
        """
        address = address_of(config.path)
        config = tidied(config)
        problems: list[dict[str, Any]] = []
        as_text = (config.label, config.text, config.id, config.split or "split", config.group)
        frame, pictures = self.frame(address, as_text, problems, config.max_gigabytes)
        return source_of(frame, config, address.path, problems, pictures)


@register("table")
class Table(Rows):
    """Rows of numbers and words, of text, or with pictures; a folder of Parquet parts is one."""

    title = "a table"
    summary = (
        "A table with a column of labels: CSV, TSV or JSON lines (packed with gzip or not) or Parquet, several of one "
        "kind by a pattern, or a folder of Parquet parts. A column may hold pictures, or paths of pictures beside it."
    )
    suffixes = SUFFIXES

    def sniff(self, path: Path, folder: bool) -> int:
        if folder:
            return 2 if is_table_folder(path) else 0
        return super().sniff(path, folder) or 1  # a file that nobody knows: this one says so

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        pictures: dict[str, Stored] = {}
        files = address.files() if address.pattern else ()
        as_text = (*as_text, *_names_of_pictures(address))
        return read_frame(address.path, as_text, problems, max_gigabytes, files, pictures), pictures

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        return first_rows(address_of(str(words)).files()[0], count)


def _names_of_pictures(address: Address) -> tuple[str, ...]:
    """The column of a CSV file that names pictures beside it: 0001 is a name there, and no number."""
    first = address.files()[0]
    if address.path.is_dir() or not is_csv(first) or not first.stat().st_size:
        return ()
    found = picture_column(first_rows(first, 20), first.parent, {}, ())
    return (found.name,) if found else ()


def tidied(config: DataConfig) -> DataConfig:
    """The settings with the names of columns as they stand in a frame."""
    one = ("label", "text", "id", "split", "group", "split_by", "time", "weight")
    several = ("features", "annotators")
    named = {name: tidy(getattr(config, name)) for name in one}
    lists = {name: tuple(map(tidy, getattr(config, name))) for name in several}
    return from_dict(DataConfig, {**asdict(config), **named, **lists})


def source_of(
    frame: "pd.DataFrame",
    config: DataConfig,
    path: Path,
    problems: list[dict[str, Any]],
    stored: dict[str, Stored] | None = None,
    folder: Path | None = None,
) -> Source:
    """The samples of a frame, as ``Rows.read`` says; ``problems`` are the lines that were written on the way here.
    ``stored``: columns of pictures that stay in their files. ``folder``: where paths of pictures begin; else that of
    the table. ``frame.attrs["classes"]``: names of the classes of columns in the order of their numbers."""
    source = _source_of(frame, config, path, problems, stored or {}, folder or (path if path.is_dir() else path.parent))
    names = frame.attrs.get("classes", {}).get(config.label) or []
    return (
        replace(source, classes=hugging_features.in_order(names, source.samples["label"].unique())) if names else source
    )


def _source_of(
    frame: "pd.DataFrame",
    config: DataConfig,
    path: Path,
    problems: list[dict[str, Any]],
    stored: dict[str, Stored],
    folder: Path,
) -> Source:
    seen = len(frame)
    index = frame.attrs.get("index", [])
    if not config.text and not config.features:
        used = [config.label, config.id, config.split, config.group, *OWN]
        if found := picture_column(frame, folder, stored, used):
            others = [name for name in stored if name != found.name]
            problems = problems + not_used(others, f"the pictures in {found.name} are")
            return _of_pictures(frame, found, config, path, problems)
        refuse_outside(frame, folder, used)
    problems = problems + not_used(list(stored), "its pictures are not looked at where text or features are named")
    rows = labelled_rows(frame, config, path, problems)
    return _of_texts(rows, config, path, seen) if config.text else _of_features(rows, config, path, index, seen)


def _of_texts(rows: "LabelledRows", config: DataConfig, path: Path, seen: int) -> Source:
    import pandas as pd

    texts = rows.samples.assign(text=column(rows.frame, config.text, path, "holds the texts"))
    unused = [name for name in rows.frame.columns if name not in {*rows.taken, config.text}]
    problems = [*rows.problems, *beside.said(unused)]
    samples = pd.concat([texts, beside.kept(rows.frame, unused)], axis=1)
    return Source("text", path, samples, (), problems, seen=seen + _files_left_out(problems))


def _of_features(rows: "LabelledRows", config: DataConfig, path: Path, index: list[str], seen: int) -> Source:
    import pandas as pd

    frame = rows.frame
    names, more = _features(frame, config, path, index, rows.named_split)
    features = {}
    for name in names:
        features[f"col:{name}"], told = feature(frame, name, path, config.missing)
        more += [*told, *names_elsewhere(frame[name], name)]
    problems = [*rows.problems, *together(more), _used(features)]
    unused = _beside(frame, config, names, set(rows.taken))
    table = pd.concat([rows.samples, pd.DataFrame(features), beside.kept(frame, unused)], axis=1)
    return Source("tabular", path, table, (), problems, seen=seen + _files_left_out(problems))


def _of_pictures(
    frame: "pd.DataFrame", found: PictureColumn, config: DataConfig, path: Path, problems: list[dict[str, Any]]
) -> Source:
    """A column of pictures with its labels; what else is known of them is kept beside."""
    import pandas as pd

    seen = len(frame)
    bytes_of = found.bytes_of
    if found.files is not None:
        there = np.array([name is not None for name in found.files])
        where = [_plain_row(frame, row) for row in range(len(frame))]
        problems = problems + gone(found, frame[found.name], where)
        frame = frame.assign(**{PART: where})[there].reset_index(drop=True)
        bytes_of = bytes_of.take(np.flatnonzero(there))
    rows = labelled_rows(frame, config, path, problems)
    unused = [name for name in rows.frame.columns if name not in rows.taken and name != found.name]
    samples = pd.concat([rows.samples, beside.kept(rows.frame, unused)], axis=1)
    bytes_of = bytes_of.take(rows.places)
    if found.files is not None and not config.id and isinstance(bytes_of, Files):
        names = [bytes_of.files[place] for place in bytes_of.file]
        samples = samples.assign(id=names, source=names) if len(set(names)) == len(names) else samples
    files = PictureFiles(bytes_of, samples["id"].tolist(), config.max_megapixels)
    lines = rows.problems + beside.said(unused)
    return files.source(path, samples, lines, seen)


@dataclass(frozen=True)
class LabelledRows:
    """The rows of a frame that become samples: their numbers in the whole frame (``places``), who they are
    (``samples``: source, label, id, split, group), and the lines about the others. ``taken``: columns with a use."""

    frame: "pd.DataFrame"
    places: np.ndarray
    samples: "pd.DataFrame"
    problems: list[dict[str, Any]]
    named_split: bool
    taken: frozenset[str]


def labelled_rows(
    frame: "pd.DataFrame", config: DataConfig, path: Path, problems: list[dict[str, Any]]
) -> LabelledRows:
    """Labels, ids, splits and groups of a frame; rows without a label are left out, or kept where that was asked."""
    import pandas as pd

    problems = [*problems]
    frame, origin = annotators.joined(frame, config, path, problems)
    _check_columns(frame, config, path)
    labels, kept, unlabelled = _labels(frame, config, path)
    problems = problems + (unlabelled if config.unlabelled == "leave-out" else [])
    if config.unlabelled == "keep":
        labels, kept, problems = _kept(frame, labels, kept, config, path, problems)
    places = np.flatnonzero(kept)
    parts = frame[PART].tolist() if PART in frame else None
    sources = [parts[row] if parts else f"row {row + 1}" for row in places.tolist()]
    whole_names = sources if parts else [f"{source} of {path.name}" for source in sources]
    frame = frame.iloc[places].assign(**{PART: whole_names}).reset_index(drop=True)
    samples = pd.DataFrame({"source": sources, "label": labels[places]})
    numbered = [f"row-{row + 1:05d}" for row in places.tolist()]
    samples["id"] = column(frame, config.id, path, "holds the ids") if config.id else numbered
    splits, said = named_splits(frame, config, path)
    samples["split"] = splits
    if config.group:
        samples["group"], more = _groups(frame, config.group, path)
        said += more
    taken = frozenset({*_taken(frame, config, bool(splits.any())), *OWN})
    return LabelledRows(frame, origin[places], samples, problems + said, bool(splits.any()), taken)


def _groups(frame: "pd.DataFrame", name: str, path: Path) -> tuple["pd.Series", list[dict[str, Any]]]:
    """The group of each row, and a line where spellings fell together."""
    groups = column(frame, name, path, "holds the groups")
    tidied = groups.map({word: tidy(word) for word in groups.unique()})
    fewer = groups.nunique() - tidied.nunique()
    what = f"{fewer:,} spelling{'s' * (fewer > 1)} fell together with one that looks alike"
    return tidied, [note(f"column {name}", what)] if fewer else []


def _files_left_out(problems: list[dict[str, Any]]) -> int:
    """Files beside a table's parts count as seen."""
    return sum(one["count"] for one in problems if one["what"].startswith("not a part of the table"))


def _check_columns(frame: "pd.DataFrame", config: DataConfig, path: Path) -> None:
    if not config.label:
        raise UserError(
            f"No label column of {path.name} was named.",
            "It says what the model is to predict.",
            f"Choose one of its columns: {_columns(frame)}.",
        )
    for name, role in ((config.text, "the text"), (config.split, "the split")):
        if name and name == config.label:
            raise UserError(
                f"Column {name!r} is both the label and {role}.",
                "The model would see the answer.",
                f"Choose two of: {_columns(frame)}.",
            )
    for name, role in (
        (config.label, "holds the labels"),
        (config.text, "holds the texts"),
        (config.id, "holds the ids"),
    ):
        if name:
            _must_have(frame, name, path, role)


def _columns(frame: "pd.DataFrame") -> str:
    return listed([name for name in frame.columns if name not in OWN], 30)


def _must_have(frame: "pd.DataFrame", name: str, path: Path, role: str) -> None:
    if name not in frame:
        raise UserError(
            f"{path.name} has no column {name!r}.",
            f"It {role}.",
            f"Choose one of its columns: {_columns(frame)}." + (f" {NO_PROJECT}" if "label" in role else ""),
        )


def _labels(
    frame: "pd.DataFrame", config: DataConfig, path: Path
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Labels as text (n,), which rows have one (n,) bool, and the lines about those that have none."""
    words, gone, bad = label_words(frame[config.label], chosen(config).kind == "set")
    if bad is not None:
        raise no_label(row_name(frame, bad[0], path), bad[1])
    if gone.all():
        raise UserError(
            f"No row of {path.name} has a value in column {config.label}.",
            "It holds the labels.",
            f"Choose another: {_columns(frame)}.",
        )
    places = [_plain_row(frame, int(row)) for row in np.flatnonzero(gone)]
    return words, ~gone, without_label(places)


def _kept(
    frame: "pd.DataFrame",
    words: np.ndarray,
    there: np.ndarray,
    config: DataConfig,
    path: Path,
    problems: list[dict[str, Any]],
) -> tuple[np.ndarray, np.ndarray, list[dict[str, Any]]]:
    """Labels with "" for rows of the training part that have none, the rows to take, and the lines about both kinds.
    Held-out rows without a label can judge nothing, so they are left out."""
    splits, _ = named_splits(frame, config, path)
    held_out = np.isin(np.asarray(splits, dtype=object), ("val", "test"))
    words = np.where(there, words, "").astype(object)
    kept = np.flatnonzero(~there & ~held_out)
    gone = np.flatnonzero(~there & held_out)
    lines = kept_without_label([_plain_row(frame, int(row)) for row in kept]) + without_label(
        [_plain_row(frame, int(row)) for row in gone]
    )
    return words, there | ~held_out, problems + lines


def _plain_row(frame: "pd.DataFrame", row: int) -> str:
    return str(frame[PART].iloc[row]) if PART in frame else f"row {row + 1}"


def column(frame: "pd.DataFrame", name: str, path: Path, role: str) -> "pd.Series":
    """A column as text; ``UserError`` if it is not there (naming those that are), has a missing value or one that is no
    word or number (naming the row)."""
    import pandas as pd

    _must_have(frame, name, path, role)
    gone = missing(frame[name])
    if gone.any():
        raise missing_value(frame, int(np.flatnonzero(gone)[0]), int(gone.sum()), name, path, role)
    words, _, bad = label_words(frame[name])
    if bad is not None:
        raise UserError(
            f"{row_name(frame, bad[0], path)}: the value in column {name} {bad[1]}.",
            f"It {role}.",
            "Give one word or number in every row.",
        )
    return pd.Series(words, index=frame.index, dtype=object)


def named_splits(frame: "pd.DataFrame", config: DataConfig, path: Path) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """The split each row names, (n,) str, "" everywhere without a split column, and what is to be said: which other
    words were read as splits, or that a column's values look like splits. ``UserError`` for a value that is no split.

    A column called ``split`` holds the splits unless it has another use (label, text, id, group, feature).
    """
    name = config.split
    if not name and SPLIT_OF_PART in frame:
        return frame[SPLIT_OF_PART].to_numpy(dtype=object), [
            note(path.name, "the files' names say what is train, val and test")
        ]
    others = {config.label, config.text, config.id, config.group, *config.features}
    if not name:
        named = [one for one in frame.columns if one.lower() == "split" and one not in others]
        if not named:
            return np.full(len(frame), "", dtype=object), _like_splits(frame, others)
        name = named[0]
    words = column(frame, name, path, "says what is train, val and test")
    meaning = split_meanings(words.unique())
    for word, split in meaning.items():
        if split is None:
            row = int(np.flatnonzero((words == word).to_numpy())[0])
            raise UserError(
                f"{row_name(frame, row, path)} has {word!r} in column {name}.",
                "That is not a split.",
                "Use train, val or test in every row"
                + (
                    "."
                    if config.split
                    else ", or rename the column if it says something else (features=... takes it as an input)."
                ),
            )
    other = [f"{word!r} as {split}" for word, split in meaning.items() if tidy(word) != split]
    said = [note(f"column {name}", f"read {listed(other)}")] if other else []
    return words.map(meaning).to_numpy(dtype=object), said


def _like_splits(frame: "pd.DataFrame", others: set[str]) -> list[dict[str, Any]]:
    """A line for a column whose every value is the word for a split, but which is not called so."""
    told = []
    for name in frame.columns:
        if name in others or name in OWN or frame[name].dtype.kind != "O":
            continue
        some = frame[name].iloc[:1000].map(lambda value: split_name(value) if isinstance(value, str) else None)
        if some.notna().all() and some.nunique() > 1 and "train" in set(some):
            told.append(note(f"column {name}", f"holds words for splits; to use it as the split give --split {name}"))
    return told


def _taken(frame: "pd.DataFrame", config: DataConfig, has_splits: bool) -> set[str]:
    """Columns that have a use already."""
    implied = [name for name in frame.columns if name.lower() == "split"][:1] if has_splits and not config.split else []
    return {config.label, config.id, config.group, config.split, *implied}


def _features(
    frame: "pd.DataFrame", config: DataConfig, path: Path, index: list[str], has_splits: bool
) -> tuple[list[str], list[dict[str, Any]]]:
    """The feature columns, and lines about the columns that are none."""
    taken = _taken(frame, config, has_splits) | set(OWN)
    problems: list[dict[str, Any]] = []
    names = list(config.features)
    if not names:
        own = roles(config, frame.columns)
        candidates = [name for name in frame.columns if name not in taken and name not in own]
        counters = [name for name in candidates if _is_index(frame[name], name)]
        stored = [name for name in candidates if name in index]
        empty = [name for name in candidates if frame[name].isna().all()]
        problems += [left_out(f"column {name}", "has no name and only tells the rows apart", 0) for name in counters]
        problems += [
            left_out(f"column {name}", f"is the index of the file; --id {name} takes it as ids", 0)
            for name in stored
            if name not in counters
        ]
        problems += [left_out(f"column {name}", "has no value in any row", 0) for name in empty if name not in stored]
        written = [name for name in candidates if name.startswith("datablame_")]
        about = f"column {listed(written)}"
        problems += [left_out(about, "what an export of Datablame wrote beside the data", 0)] if written else []
        names = [name for name in candidates if name not in {*counters, *stored, *empty, *written}]
    for name in names:
        if name not in frame or name in OWN:
            raise UserError(
                f"{path.name} has no column {name!r}.", "It is listed as a feature.", f"Its columns: {_columns(frame)}."
            )
        if name == config.label:
            raise UserError(
                f"Column {name!r} is both the label and a feature.",
                "The model would see the answer.",
                "Take it off the features.",
            )
    if not names:
        raise UserError(
            f"{path.name} has no feature columns besides {listed(sorted(taken - {'', *OWN} & set(frame.columns)))}.",
            "There is nothing to learn from.",
            "Name the text column, or add feature columns.",
        )
    return names, problems + beside.said(_beside(frame, config, names, taken))


def _beside(frame: "pd.DataFrame", config: DataConfig, names: list[str], taken: set[str]) -> list[str]:
    """Columns that are no features: those with a use of their own, and all others where the features are named."""
    others = frame.columns if config.features else roles(config, frame.columns)
    return [name for name in others if name not in taken and name not in names]


def _is_index(values: "pd.Series", name: str) -> bool:
    """Whether this is the index that pandas writes into a file beside the data: no name, and another number or word in
    every row."""
    return (
        bool(re.fullmatch(r"Unnamed: 0|__index_level_\d+__", name))
        and values.dtype.kind in "iuO"
        and _all_differ(values)
    )


def _all_differ(values: "pd.Series") -> bool:
    try:
        return bool(values.is_unique)
    except TypeError:  # lists
        return False


def _used(features: dict[str, "pd.Series"]) -> dict[str, Any]:
    """The line that says which columns are the inputs."""
    numbers = [name[4:] for name, values in features.items() if values.dtype.kind in "iuf"]
    words = [name[4:] for name in features if name[4:] not in numbers]
    parts = [
        f"{len(some):,} as {kind}: {listed(some)}"
        for kind, some in (("numbers", numbers), ("categories", words))
        if some
    ]
    return note("features", "; ".join(parts))
