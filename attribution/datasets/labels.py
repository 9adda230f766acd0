"""Labels as class names: one form for one class, what was changed said, and what is no class refused."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.kinds import modality
from attribution.datasets.names import NO_PROJECT
from attribution.datasets.source import Source, left_out, listed, note
from attribution.datasets.words import look, tidy, whole
from attribution.errors import UserError
from attribution.tasks.targets import NOTHING, SEPARATOR

if TYPE_CHECKING:
    import pandas as pd

NAMED = 20  # rows without a label that get a line each; the rest are counted in one
MANY_NUMBERS = 30  # more whole numbers than that as labels of a table are a quantity until the user says otherwise
AS_CLASSES = "If the numbers are classes all the same, say so with --number-classes (number_classes in Python)."
AS_QUANTITY = "To predict the quantity say --task regression (task in Python)"
_WHOLE = re.compile(r"[+-]?\d+(\.0*)?([eE][+-]?\d+)?")


def label_words(values: "pd.Series", several: bool = False) -> tuple[np.ndarray, np.ndarray, tuple[int, str] | None]:
    """Labels as text (n,) object, which rows have none (n,) bool, and the first row whose value can be no label with
    the reason.

    Whole floats lose their ``.0``; bytes are read as UTF-8; a list is several labels: no label, unless
    ``several`` are wanted, then they are joined.
    """
    words = np.empty(len(values), dtype=object)
    gone = np.zeros(len(values), dtype=bool)
    bad: tuple[int, str] | None = None
    cache: dict[Any, tuple[str, str]] = {}
    for row, value in enumerate(values.tolist()):
        key = (type(value), value) if isinstance(value, (str, int, float, bytes)) else None
        word, why = cache[key] if key in cache else label_word(value, several)
        if key is not None and len(cache) < 100_000:
            cache[key] = (word, why)
        words[row] = word
        gone[row] = not word and not why
        bad = bad or ((row, why) if why else None)
    return words, gone, bad


def label_word(value: Any, wanted: bool = False) -> tuple[str, str]:
    """A label as text ("" for none), and why it cannot be one."""
    several = isinstance(value, (list, tuple, dict, set, np.ndarray))
    # NaN is not itself.
    if value is None or type(value).__name__ in ("NAType", "NaTType") or (not several and value != value):
        return "", ""
    if several:
        return _joined(value) if wanted else ("", _more_than_one(value))
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return "", f"is {value[:20]!r}, bytes that are not UTF-8 text"
    if isinstance(value, float):
        if not np.isfinite(value):
            return "", f"is {value}, which is no class"
        return (str(int(value)) if value == int(value) else repr(value)), ""
    word = whole(str(value))
    return (word, "") if tidy(word) else ("", "")


def _more_than_one(value: Any) -> str:
    if isinstance(value, dict):
        return f"is the object {_shown(value)}"
    return f"is {_shown(value)}, which is more than one label"


def _joined(values: Any) -> tuple[str, str]:
    """The word of a list of labels, and why it cannot be one."""
    if isinstance(values, dict):
        return "", _more_than_one(values)
    found = [label_word(value) for value in values]
    why = next((why for _, why in found if why), "")
    wrong = [word for word, _ in found if SEPARATOR in word]
    if wrong:
        why = f"holds {wrong[0]!r}, and {SEPARATOR!r} separates labels"
    return ("", why) if why else (SEPARATOR.join(word for word, _ in found if word) or NOTHING, "")


def _shown(value: Any) -> str:
    text = str(value.tolist() if isinstance(value, np.ndarray) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def no_label(where: str, why: str) -> UserError:
    """The error for a value that can be no label."""
    several = "more than one" in why
    return UserError(
        f"The label of {where[0].lower()}{where[1:]} {why}.",
        "There is one label per sample, unless the task says otherwise."
        if several
        else "A label is a word or a whole number.",
        "For several labels per sample say --task multilabel (cells like cat;dog); else choose a column that holds "
        f"one. {NO_PROJECT}"
        if several
        else "Correct it or remove the row.",
    )


def without_label(places: list[str]) -> list[dict[str, Any]]:
    """The lines that list samples which have no label."""
    lines = [left_out(place, "has no label") for place in places[:NAMED]]
    if len(places) > NAMED:
        rest = places[NAMED:]
        lines.append(left_out(f"{rest[0]} to {rest[-1]}", f"{len(rest):,} more have no label", len(rest)))
    return lines


def kept_without_label(places: list[str]) -> list[dict[str, Any]]:
    """The line about samples that are kept without a label."""
    if not places:
        return []
    count = len(places)
    what = (
        "has no label; it is kept, and waits on Review"
        if count == 1
        else f"{count:,} samples have no label; they are kept, and wait on Review"
    )
    return [note(listed(places, 3), what, count)]


def labelled(source: Source) -> Source:
    """The source without the samples that are kept without a label."""
    bare = source.samples["label"] == ""
    return replace(source, samples=source.samples[~bare]) if bare.any() else source


def tidy_labels(source: Source) -> Source:
    """The source with one form per class: NFC, no blanks around, no invisible signs, 1 for 1.0; what was changed is
    noted.

    ``UserError`` with the place for labels that are lists of classes written as text, and for measurements
    (``number_classes`` aside).
    """
    labels = source.samples["label"]
    first: dict[str, int] = {}
    for place, word in enumerate(labels.tolist()):
        if word:
            first.setdefault(word, place)
    forms = {word: tidy(whole(word)) or word for word in first}
    counts = Counter(labels.tolist())
    changed = [word for word in first if forms[word] != word]
    notes = (
        [
            _changed(
                changed, counts, first, source, "blanks around it, signs that cannot be seen or another Unicode form"
            )
        ]
        if changed
        else []
    )
    numbers = _one_form_of_numbers(set(forms.values()))
    merged = [word for word in first if numbers.get(forms[word], forms[word]) != forms[word]]
    if merged:
        notes.append(_changed(merged, counts, first, source, "1.0 and 1 are one number", numbers))
    final = {word: numbers.get(form, form) for word, form in forms.items()}
    classes = tuple(tidy(whole(name)) for name in source.classes)
    return replace(
        source,
        samples=source.samples.assign(label=labels.map({"": "", **final}).astype(object)),
        classes=classes,
        problems=[*source.problems, *notes, *alike(sorted(set(final.values())))],
    )


def _changed(
    words: list[str],
    counts: Counter[str],
    first: dict[str, int],
    source: Source,
    why: str,
    numbers: dict[str, str] | None = None,
) -> dict[str, Any]:
    word = words[0]
    to = tidy(whole(word))
    to = (numbers or {}).get(to, to)
    count = sum(counts[one] for one in words)
    more = f" ({count:,} labels in all)" if count > 1 else ""
    return note(source.where(first[word]), f"label {ascii_shown(word)} taken as {to!r}: {why}{more}", count)


def ascii_shown(word: str) -> str:
    """The word in quotes, with what cannot be seen or told apart written out as codes."""
    return repr(word) if repr(word) == ascii(word) else f"{word!r} ({word!a})"


def _number(word: str) -> Decimal | None:
    try:
        value = Decimal(word)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _one_form_of_numbers(words: set[str]) -> dict[str, str]:
    """``{"1.0": "1"}`` where every number among the labels is whole; leading zeros stay, they belong to codes."""
    numbers = {
        word: value for word in words if word.isascii() and (value := _number(word)) is not None and abs(value) < 10**30
    }
    if any(value != value.to_integral_value() for value in numbers.values()):
        return {}
    plain = {}
    for word, value in numbers.items():
        if not re.fullmatch(r"-?\d+", word):
            kept = re.fullmatch(r"\+?(-?\d+)\.0*", word)
            plain[word] = kept[1] if kept else str(int(value))
    return {**plain, **({"-0": "0"} if "-0" in words else {})}


def alike(names: list[str]) -> list[dict[str, Any]]:
    groups = defaultdict(list)
    for name in names:
        groups[look(name)].append(name)
    what = "differ only by case, blanks or the form of their letters; they are kept as different classes"
    return [
        note("labels", f"{listed([repr(name) for name in group])} {what}")
        for group in groups.values()
        if len(group) > 1
    ]


def refuse_several(source: Source) -> None:
    """``UserError`` for labels that are lists written as text: ``["a", "b"]``, or ``news|sport`` where news and sport
    are found elsewhere too."""
    labels = source.samples["label"]
    found = Counter(labels.tolist())
    for word in found:
        if re.fullmatch(r"[\[({].*[\])}]", word) and ("," in word or re.fullmatch(r"\[\s*(['\"]).*\1\s*\]", word)):
            raise no_label(source.where(_first(labels == word)), f"is {word[:60]}, which is more than one label")
    for sign in "|;,":
        joined = {word: [part.strip() for part in word.split(sign)] for word in found if sign in word.strip(sign)}
        parts = Counter(part for some in joined.values() for part in set(some)) + Counter(
            word for word in found if word not in joined
        )
        if joined and all(part and parts[part] > 1 for some in joined.values() for part in some):
            word = next(iter(joined))
            raise no_label(
                source.where(_first(labels == word)),
                f"is {word[:60]!r}, which is more than one label ({listed(joined[word])}; each is found elsewhere too)",
            )


def note_joined(names: list[str]) -> list[dict[str, Any]]:
    """A line for classes that may be several labels in one."""
    joined = [name for name in names if re.search(r"\S[|;,]\S", name)]
    if not joined:
        return []
    return [
        note(
            "labels",
            f"{listed([repr(name) for name in joined], 4)} may be several labels in one; each combination is a "
            "class of its own",
        )
    ]


def refuse_quantity(source: Source, number_classes: bool) -> list[dict[str, Any]]:
    """``UserError`` for labels that are a quantity: numbers with fractions, more whole numbers than a table's classes
    have, or an infinite one. Where many whole numbers are taken as classes, a line that says so."""
    found = Counter(source.samples["label"].tolist())
    if source.classes or number_classes or _from_folders(source):
        return []
    numbers = {word: value for word in found if word.isascii() and (value := _number(word)) is not None}
    endless = [word for word in found if re.fullmatch(r"[+-]?(inf|infinity)", word.lower())]
    if endless and len(numbers) == len(found) - len(endless):
        raise no_label(
            source.where(_first(source.samples["label"] == endless[0])), f"is {endless[0]}, which is no class"
        )
    if len(numbers) < 0.9 * len(found):
        return []
    ordered = sorted(numbers, key=lambda word: numbers[word])
    fractions = [word for word in ordered if numbers[word] != numbers[word].to_integral_value()]
    about = (
        f"The labels of {source.path.name} are {len(numbers):,} different numbers from {ordered[0]} to {ordered[-1]}"
    )
    if fractions:
        raise UserError(
            f"{about}, some with fractions ({listed(fractions, 3)}).",
            "They look like a quantity, not like classes: their order and distance would be lost.",
            f"{AS_QUANTITY}. {AS_CLASSES}",
        )
    counted = {int(numbers[word]) for word in ordered} in (set(range(len(ordered))), set(range(1, len(ordered) + 1)))
    if len(ordered) > MANY_NUMBERS and (modality(source.modality).shown_as == "columns" or not counted):
        raise UserError(
            f"{about}.",
            "They look like a quantity (a price, an age, a count), not like classes.",
            f"{AS_QUANTITY}. {AS_CLASSES}",
        )
    if len(ordered) <= MANY_NUMBERS:
        return []
    return [
        note(
            "labels",
            f"{len(ordered):,} whole numbers from {ordered[0]} to {ordered[-1]} were taken as classes; their order "
            "is not used",
        )
    ]


def _from_folders(source: Source) -> bool:
    """Whether the labels are names of class folders: classes by construction, whatever they are called."""
    if not modality(source.modality).files or not source.path.is_dir():
        return False
    return tidy(str(source.samples["label"].iloc[0])) in [
        tidy(part) for part in str(source.samples["id"].iloc[0]).split("/")[:-1]
    ]


def _first(mask: "pd.Series") -> int:
    return int(np.flatnonzero(mask.to_numpy())[0])
