"""What the New project page shows back of the data, and the words for its choices."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from attribution.datasets.address import address_of
from attribution.datasets.chat.conversation import TURNS, Conversation
from attribution.datasets.packed_text import ending
from attribution.datasets.picture_layout import METADATA
from attribution.datasets.readers.base import reader_of, suffixes
from attribution.datasets.source import LEFT_OUT, NOTE
from attribution.datasets.splits import split_name
from attribution.errors import UserError
from attribution.modalities import modalities
from attribution.models.sources import sources
from attribution.storage.files import whole_file
from attribution.views.numbers import duration, plural, whole_percent

SIZES = "sizes of pictures"  # the line that datasets.pictures writes about them
__all__ = ["LEFT_OUT", "NOTE"]
LOOKED_AT = 200  # rows that a label is guessed from
SPLIT_NAMES = {"train": "training", "val": "validation", "test": "test"}
USUAL = {
    "label": ("label", "labels", "class", "target", "y", "category", "sentiment"),
    "text": ("text", "sentence", "review", "content", "document"),
    "id": ("id", "sample_id", "uid"),
    "split": ("split", "partition", "subset"),
    "group": ("group",),
}
MODELS = {
    "auto": "Chosen for the data",
    "logistic": "Logistic regression",
    "mlp": "MLP, two hidden layers",
    "cnn": "Small CNN (pictures)",
    "resnet": "Small ResNet with group norm (pictures)",
    "text": "Word embeddings and an MLP (text)",
    "gpt": "Small transformer of two layers, trained from nothing on these words",
    "own": "My own, from a Python file",
}
WORDS = "causal-lm"  # the task that needs no target beside a sample


def networks_for(modality: str) -> tuple[str, ...]:
    """The choices of a network for this kind of data, the automatic one first, then those of sources, the user's own
    last."""
    from_sources = [one.name for one in sources.each() if one.reads(modality)]
    return ("auto", *modalities.get(modality).networks, *from_sources, "own")


def network_title(name: str, modality: str = "") -> str:
    """A choice of a network in words; the automatic one says which it is for data of this kind."""
    source = sources.find(name)
    if name == "auto" and modality:
        return f"{MODELS['auto']}: {network_title(modalities.get(modality).network)}"
    return source.title if source else MODELS.get(name, name)


TASKS = {
    "auto": "A class",
    "regression": "A number",
    "multilabel": "Any of several labels",
    "binary": "One of two classes, by one logit",
    WORDS: "The words themselves: a language model",
    "own": "My own, from a Python file",
}


def summary_line(found: dict[str, Any]) -> str:
    """What a preview found, in one sentence: "6,000 pictures of 28 × 28 pixels in 10 classes"."""
    shape = found["shape"]
    n = found["n"]
    targets = _targets_of(found)
    kind = modalities.get(found["modality"])()
    return f"{kind.found(shape, n, found.get('sizes', ''))}, {targets}"


def _targets_of(found: dict[str, Any]) -> str:
    """What is to be predicted: "in 10 classes", "with any of 5 labels", "with a number in mm"."""
    if found.get("kind") == "number":
        unit = found["target"]["unit"]
        return f"with a number{' in ' * bool(unit)}{unit}"
    if found.get("kind") == "text":
        return "to learn from"
    if found.get("kind") == "set":
        return f"with any of {plural(len(found['classes']), 'label')}"
    return f"in {plural(len(found['classes']), 'class', 'classes')}"


def then_words(searched: bool) -> str:
    """What happens once a project is made."""
    steps = (
        "looks for wrong labels, draws the map and explains the wrong predictions"
        if searched
        else "draws the map and finds what taught the answers with the largest loss"
    )
    return f"Trains the model, {steps}, in the background. The source is only read."


def counts_sentence(seen: int, problems: Sequence[dict[str, Any]]) -> str:
    """What became of all that was seen: "24 seen, 22 taken, 2 left out."; "" where that is not known or all were
    taken."""
    gone = sum(one["count"] for one in problems if one["kind"] == LEFT_OUT)
    return f"{seen:,} seen, {seen - gone:,} taken, {gone:,} left out." if seen and gone else ""


def problem_table(problems: Sequence[dict[str, Any]], limit: int = 200) -> pd.DataFrame:
    """What was left out, then what is worth knowing, a line each."""
    ordered = sorted(problems, key=lambda one: one["kind"] != LEFT_OUT)[:limit]
    lines = [(one["kind"], one["where"], one["what"]) for one in ordered]
    return pd.DataFrame(lines, columns=["kind", "where", "what"])


def sizes_sentence(problems: Sequence[dict[str, Any]]) -> str:
    """What pictures were brought to, and from what; "" where all kept their size."""
    found = next((one["what"] for one in problems if one["where"] == SIZES), "")
    return f"Pictures were {found}." if found else ""


def balance_table(found: dict[str, Any]) -> pd.DataFrame:
    """Samples per class or label (lines) and split (columns); of numbers their quartiles."""
    if found.get("kind") == "number":
        spread = {SPLIT_NAMES[split]: values for split, values in found["target"]["quartiles"].items()}
        lines = ("smallest", "first quarter", "median", "third quarter", "largest")
        return pd.DataFrame(spread, index=list(lines)).rename_axis("value").reset_index()
    frame = pd.DataFrame({SPLIT_NAMES[split]: counts for split, counts in found["balance"].items()})
    return frame.rename_axis("label" if found.get("kind") == "set" else "class").reset_index()


def example_table(found: dict[str, Any], limit: int = 8) -> pd.DataFrame:
    """The first examples of a table or of texts, with label and split."""
    lines = []
    for example in found["examples"][:limit]:
        content = example.get("values") or {"text": example.get("text", "")}
        lines.append(
            {"label": example["label"], "split": SPLIT_NAMES.get(example["split"], example["split"]), **content}
        )
    return pd.DataFrame(lines)


def kind_of(path: str) -> str:
    """What a path seems to hold, by its reader: "table" (columns are chosen from its own), "archive" (it has none) or
    "folder" (they are named)."""
    try:
        address = address_of(path.strip())
        known = address.scheme or address.pattern or address.path.is_dir() or ending(address.path) in suffixes()
        return reader_of(path.strip()).kind if known else "folder"
    except (UserError, OSError, ValueError, RuntimeError):  # no path at all: the import says so
        return "folder"


def labelled(path: str) -> bool:
    """Whether a path seems to hold a target beside each sample, by its reader: chats hold none."""
    try:
        return reader_of(path.strip()).labelled
    except (UserError, OSError, ValueError, RuntimeError):
        return True


def conversations(found: dict[str, Any], limit: int = 3) -> list[tuple[str, Conversation]]:
    """Some examples of a preview with where they stand in the file; [] where samples are no conversations. Different
    ones first: those with the most turns, then the others."""
    shown = [(one["source"], Conversation.from_json(one[TURNS])) for one in found["examples"] if TURNS in one]
    longest = sorted(shown, key=lambda one: -len(one[1].turns))[:1]
    return [*longest, *(one for one in shown if one not in longest)][:limit]


def first_rows(path: str, count: int = LOOKED_AT) -> pd.DataFrame:
    """The first rows of a table, without reading the rest; empty when there is no such file or it cannot be read (the
    import says why)."""
    if kind_of(path) != "table":
        return pd.DataFrame()
    try:
        address = address_of(path.strip())
        there = address.pattern or address.path.exists()
        return reader_of(path.strip()).first_rows(path.strip(), count) if there else pd.DataFrame()
    except (UserError, OSError):
        return pd.DataFrame()


def columns_of(path: str) -> list[str]:
    """Column names of a table, from its first lines or its schema alone; [] when there is no such file or it cannot be
    read."""
    return [str(name) for name in first_rows(path, 1).columns]


def guess(columns: Sequence[str], purpose: str) -> int | None:
    """Place of the column that is probably meant for a purpose (label, text, id, split or group), by its name."""
    names = [name.lower() for name in columns]
    return next((names.index(name) for name in USUAL[purpose] if name in names), None)


def guess_label(rows: pd.DataFrame) -> int | None:
    """Place of the label column: by its name, else the one column of words or few whole numbers that could be one."""
    names = [str(name) for name in rows.columns]
    by_name = guess(names, "label")
    if by_name is not None or len(rows) < 4:
        return by_name
    others = {guess(names, purpose) for purpose in ("text", "id", "split", "group")}
    fitting = [place for place, name in enumerate(names) if place not in others and _could_be_label(rows[name])]
    return fitting[0] if len(fitting) == 1 else None


def guess_column(rows: pd.DataFrame, purpose: str) -> int | None:
    """Place of the column for a purpose, by its name and by whether its first rows can serve it."""
    names = [str(name) for name in rows.columns]
    if purpose == "label":
        return guess_label(rows)
    at = guess(names, purpose)
    if at is None:
        return None
    values = rows[names[at]].astype(str)
    unfit = (purpose == "id" and values.duplicated().any()) or (
        purpose == "split" and names[at].lower() != "split" and values.map(split_name).isna().any()
    )
    return None if unfit else at


def guesses(rows: pd.DataFrame, guessed: Mapping[str, int | None]) -> str:
    """Which columns were taken for what, and by what sign; what to do where no label was found."""
    names = [str(name) for name in rows.columns]
    said = []
    for purpose, place in guessed.items():
        if place is None:
            continue
        by_name = names[place].lower() in USUAL[purpose]
        values = rows[names[place]].dropna().astype(str).nunique()
        why = "by its name" if by_name else f"the only column of few words: {values} in the first {len(rows):,} rows"
        said.append(f"{names[place]} as the {purpose} ({why})")
    if not said:
        return "No column is called like a label, and none or several look like one: choose it."
    return f"Guessed: {', '.join(said)}. Change what is wrong."


def pace(share: float, seconds_s: float, message: str) -> str:
    """How far an import is: "34 %, reading pictures, 1,200 of 6,000 (340 a second), about 12 s left"."""
    left = seconds_s * (1 - share) / share if share > 0.03 and seconds_s > 2 else 0.0
    return f"{whole_percent(share)} · {message}{f' · about {duration(left)} left' if left >= 1 else ''}"


def _could_be_label(values: pd.Series) -> bool:
    """Whether a column's first rows look like classes: a few short values that come again, none of them a number with a
    fraction."""
    words = values.dropna().astype(str).str.strip()
    words = words[words != ""]
    different = set(words)
    plain = all(len(word) <= 40 and not re.fullmatch(r"[+-]?\d*[.,]\d+", word) for word in different)
    return bool(plain and 2 <= len(different) <= min(20, len(words) / 2))


def as_shown(rows: pd.DataFrame, limit: int = 5) -> pd.DataFrame:
    """The first rows as text, so that nothing in them is drawn otherwise than it stands there."""
    return rows.head(limit).map(lambda value: "" if value is None or value != value else str(value)[:200])


def left_features(columns: Sequence[str], taken: Sequence[str], left_out: Sequence[str]) -> tuple[str, ...]:
    """The feature columns to name when some are left out; () (the reader's own choice) when none is."""
    if not left_out:
        return ()
    skipped = {*taken, *left_out}
    return tuple(
        name
        for name in columns
        if name not in skipped and not re.fullmatch(r"Unnamed: \d+|__index_level_\d+__|(?i:split)", name)
    )


def kept_upload(folder: Path, name: str, content: bytes) -> Path:
    """Keep an uploaded file by its content, so that a corrected file of the same name and size is another one, and none
    is ever written over."""
    target = folder / hashlib.sha256(content).hexdigest()[:16] / (Path(name).name or "upload")
    if not target.is_file():
        with whole_file(target) as temporary:
            temporary.write_bytes(content)
    return target


def stamp(path: str) -> str:
    """Changes when the source does: time and size of the file, or of the folders inside and their metadata.csv; "" if
    it is not there."""
    try:
        address = address_of(path)
        source = address.path
        if address.pattern:
            return f"{hash(tuple((str(one), one.stat().st_mtime_ns, one.stat().st_size) for one in address.files()))}"
        if not source.is_dir():
            found = source.stat()
            return f"{found.st_mtime_ns} {found.st_size} {found.st_ino}"
        places = [place for place, _, _ in os.walk(source)]
        files = [os.path.join(place, name) for place in places[:100] for name in METADATA] + [
            str(one) for one in source.iterdir() if ending(one) in suffixes()
        ]
        times = [os.stat(one).st_mtime_ns for one in [*places, *files] if os.path.exists(one)]
        return f"{len(places)} {hash(tuple(times))}"
    except (UserError, OSError, ValueError, RuntimeError):
        return ""


def project_name(path: str) -> str:
    """A folder name for a project made from ``path``: its last part, in letters, digits, dots and dashes."""
    last = path.partition("?")[0].rstrip("/\\").replace("\\", "/").rsplit("/", 1)[-1].rpartition(":")[2]
    stem = last.removesuffix(".gz").rsplit(".", 1)[0] if kind_of(path) != "folder" else last
    kept = "".join(sign if sign.isalnum() or sign in "-_" else "-" for sign in stem).strip("-")
    return kept or "project"
