"""What a feature column holds: numbers, numbers that are not spelled plainly, dates, or words."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.frames import PART, as_words, missing, row_name
from attribution.datasets.source import listed, note
from attribution.datasets.words import tidy
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LEAVE_OUT = "Correct it, remove the row, or leave the column out: name the features with --features."
MOSTLY = 0.9  # a column of numbers with a slip in it would silently become categories
CURRENCIES = "$€£¥₹₩₽₺₴฿₫₦"
_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_GROUPS = r"[+-]?\d{{1,3}}({0}\d{{3}})+"
_LAKHS = re.compile(r"[+-]?(\d{1,2}(,\d{2})*,\d{3}|\d{1,3})(\.\d+)?")  # 12,34,567, as in India
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?")
_OTHER_DATE = re.compile(
    r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}([T "
    r"]\d{1,2}:\d{2}.*)?|\d{4}[./-]\d{1,2}|\d{1,2}[./-]\d{4}|\d{8}T\d{4,6}Z?|\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( "
    r"?[ap]m)?"
    r"|(?=.*\d).*\b(jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\b.*",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Spelling:
    """A way to write numbers: which words are written so, what they mean, and what is said about it."""

    fits: re.Pattern[str]
    value: Callable[[str], float]
    said: str


def _grouped(sign: str, mark: str) -> re.Pattern[str]:
    """Whole numbers in groups of three, or not grouped, with decimals behind ``mark``."""
    group, fraction = re.escape(sign), re.escape(mark)
    return re.compile(rf"(?:{_GROUPS.format(group)}|[+-]?\d+)(?:{fraction}\d+)?")


SPELLINGS = (
    Spelling(_PLAIN, float, "numbers written as text"),
    Spelling(_grouped(",", "."), lambda word: float(word.replace(",", "")), "numbers with a comma between thousands"),
    Spelling(
        re.compile(r"[+-]?(\d+(,\d*)?|,\d+)([eE][+-]?\d+)?"),
        lambda word: float(word.replace(",", ".")),
        "numbers with a decimal comma",
    ),
    Spelling(
        _grouped(".", ","),
        lambda word: float(word.replace(".", "").replace(",", ".")),
        "numbers with a dot between thousands and a decimal comma",
    ),
    Spelling(
        _grouped(" ", ","),
        lambda word: float(word.replace(" ", "").replace(",", ".")),
        "numbers with a blank between thousands",
    ),
    Spelling(_grouped(" ", "."), lambda word: float(word.replace(" ", "")), "numbers with a blank between thousands"),
    Spelling(
        _grouped("'", "."), lambda word: float(word.replace("'", "")), "numbers with an apostrophe between thousands"
    ),
    Spelling(_LAKHS, lambda word: float(word.replace(",", "")), "numbers with commas between lakhs and thousands"),
)


def feature(
    frame: "pd.DataFrame", name: str, path: Path, rule: str = "refuse"
) -> tuple["pd.Series", list[dict[str, Any]]]:
    """A feature column as numbers (int64, uint64 or float64) or as words, and what is to be said about it. A value that
    is not there is a ``UserError`` where the ``rule`` (``DataConfig.missing``) is to refuse it, else NaN or ""."""
    gone = missing(frame[name])
    if not gone.any():
        return _whole(frame, name, path)
    if rule == "refuse" or gone.all():
        raise missing_value(frame, int(np.flatnonzero(gone)[0]), int(gone.sum()), name, path)
    named = frame if PART in frame else frame.assign(**{PART: [row_name(frame, i, path) for i in range(len(frame))]})
    known, told = _whole(named.loc[~gone, [name, PART]].reset_index(drop=True).infer_objects(), name, path)
    return _with_gaps(known, gone), told


def _with_gaps(known: "pd.Series", gone: np.ndarray) -> "pd.Series":
    """The values that are there in their places among all rows: NaN between numbers, "" between words."""
    import pandas as pd

    numeric = known.dtype.kind in "iuf"
    found = np.full(len(gone), np.nan if numeric else "", dtype=np.float64 if numeric else object)
    found[~gone] = known.to_numpy()
    return pd.Series(found, name=known.name)


def _whole(frame: "pd.DataFrame", name: str, path: Path) -> tuple["pd.Series", list[dict[str, Any]]]:
    """``feature`` of a column whose every value is there."""
    import pandas as pd

    values = frame[name]
    if values.dtype.kind in "iuf":
        return _finite(frame, values, name, path), []
    if values.dtype.kind == "b":
        return values.astype(np.int64), []
    if values.dtype.kind in "mM" or getattr(values.dtype, "tz", None) is not None:
        return _days(values), [note(f"column {name}", _dates_said(values))]
    if values.dtype.kind == "c":
        raise UserError(
            f"Column {name} of {path.name} holds complex numbers.", "A feature is one number or one word.", LEAVE_OUT
        )
    values = values.astype(object)
    if pd.api.types.infer_dtype(values, skipna=False) == "string":
        return _from_words(frame, values, name, path)
    return _from_mixed(frame, values, name, path)


def _from_mixed(
    frame: "pd.DataFrame", values: "pd.Series", name: str, path: Path
) -> tuple["pd.Series", list[dict[str, Any]]]:
    """A column of Python objects: numbers, dates, or what reads as words."""
    if values.map(lambda value: isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)).all():
        return _from_objects(frame, values, name, path), []
    nested = values.map(lambda value: isinstance(value, (list, dict, np.ndarray)))
    if nested.any():
        row = int(np.flatnonzero(nested)[0])
        raise UserError(
            f"{row_name(frame, row, path)} has a list or an object in column {name}.",
            "A feature is one number or one word.",
            "Spread it over columns.",
        )
    unread = values.map(lambda value: isinstance(value, bytes) and not _is_text(value))
    if unread.any():
        row = int(np.flatnonzero(unread)[0])
        raise UserError(
            f"{row_name(frame, row, path)} has the bytes {values.iloc[row][:20]!r} in column {name}, which are not "
            "UTF-8 text.",
            "A feature is one number or one word.",
            LEAVE_OUT,
        )
    if values.map(lambda value: hasattr(value, "isoformat") and hasattr(value, "year")).all():
        days = _days(values)
        return days, [note(f"column {name}", _dates_said(values))]
    return _from_words(frame, as_words(values), name, path)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def missing_value(frame: "pd.DataFrame", row: int, count: int, name: str, path: Path, role: str = "") -> UserError:
    """The error for a value that is not there; ``role`` says what the column does where it is no feature."""
    more = f" ({count:,} rows miss it)" if count > 1 else ""
    return UserError(
        f"{row_name(frame, row, path)} has no value in column {name}{more}.",
        f"It {role}, and a guessed value would be wrong."
        if role
        else "A model cannot learn from a missing value, and a guessed one would hide it.",
        f"Fill it in, remove the row, or {'give another column' if role else 'say what stands in: --missing median'}.",
    )


def _finite(frame: "pd.DataFrame", values: "pd.Series", name: str, path: Path) -> "pd.Series":
    if values.dtype.kind in "iu":
        return values.astype(np.int64) if values.dtype != np.uint64 else values
    finite = np.isfinite(values.to_numpy(dtype=np.float64))
    if not finite.all():
        row = int(np.flatnonzero(~finite)[0])
        raise UserError(
            f"{row_name(frame, row, path)} has {values.iloc[row]} in column {name}.", "It is not a number.", LEAVE_OUT
        )
    return values


def _from_objects(frame: "pd.DataFrame", values: "pd.Series", name: str, path: Path) -> "pd.Series":
    """Python numbers: whole ones keep every digit where 64 bits hold them."""
    import pandas as pd

    whole = values.map(lambda value: isinstance(value, int)).all()
    if whole and min(values) >= -(2**63) and max(values) < 2**63:
        return values.astype(np.int64)
    numbers = pd.Series([_float(value) for value in values], index=values.index)
    return _finite(frame, numbers, name, path)


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _from_words(
    frame: "pd.DataFrame", words: "pd.Series", name: str, path: Path
) -> tuple["pd.Series", list[dict[str, Any]]]:
    distinct = {word: bare(word) for word in words.unique()}
    spelled = spelling(list(distinct.values()))
    if spelled is not None:
        value = {word: spelled.value(bare) for word, bare in distinct.items()}
        numbers = _finite(frame, words.map(value).astype(np.float64), name, path)
        if (
            all(bare.lstrip("+-").isdigit() and len(bare) < 19 for bare in distinct.values())
            and spelled is SPELLINGS[0]
        ):
            numbers = words.map({word: int(bare) for word, bare in distinct.items()}).astype(np.int64)
        first = str(words.iloc[0])
        return numbers, [note(f"column {name}", f"read as {spelled.said}: {first!r} is {numbers.iloc[0]:.10g}")]
    if all(_ISO.fullmatch(bare) for bare in distinct.values()):
        try:
            return _days(words), [note(f"column {name}", _dates_said(words))]
        except ValueError:  # the 31st of February
            pass
    numeric = words.isin(
        [word for word, bare in distinct.items() if any(one.fits.fullmatch(bare) for one in SPELLINGS)]
    ).to_numpy()
    share = numeric.mean()
    if MOSTLY <= share < 1:
        row = int(np.flatnonzero(~numeric)[0])
        raise UserError(
            f"{row_name(frame, row, path)} has {words.iloc[row]!r} in column {name}, where {int(numeric.sum()):,} "
            f"of {len(words):,} rows have numbers.",
            "One word turns the whole column into categories.",
            "Put a number there, remove the row, or leave the column out of the features.",
        )
    return words, _said_of_words(distinct, words, share, name)


def _said_of_words(distinct: dict[str, str], words: "pd.Series", share: float, name: str) -> list[dict[str, Any]]:
    """What is worth knowing about a column that became categories though it may not be meant so."""
    what = _like_numbers(distinct, words, share)
    return [note(f"column {name}", what)] if what else []


def _like_numbers(distinct: dict[str, str], words: "pd.Series", share: float) -> str:
    """In which way words (``distinct``: as written -> without what surrounds it) are like numbers; empty for none."""
    if share == 1:
        some = listed([repr(word) for word in _examples(distinct)])
        return f"its numbers are written in more than one way, such as {some}; taken as categories"
    if share >= 0.5:
        odd = [word for word, bare in distinct.items() if not any(one.fits.fullmatch(bare) for one in SPELLINGS)]
        some = listed([repr(word) for word in odd], 3)
        return f"{share:.0%} of its values are numbers, others are not, such as {some}; taken as categories"
    if all(_OTHER_DATE.fullmatch(bare) for bare in distinct.values()):
        return (
            f"holds dates or times such as {words.iloc[0]!r}; taken as categories. Written as YYYY-MM-DD they are "
            "numbers"
        )
    return _begins_with_numbers(distinct) if len(distinct) > 2 else ""


def _begins_with_numbers(distinct: dict[str, str]) -> str:
    """Whether words begin with numbers, with one unit behind all of them or not; empty for neither."""
    numbers = [bare for bare in distinct.values() if re.match(r"[+-]?\.?\d", bare)]
    units = {re.sub(r"^[+-]?[\d.,' ]*\d", "", bare) for bare in numbers}
    if len(numbers) == len(distinct) and len(units) == 1 and "" not in units:
        return (
            f"every value is a number with {units.pop()!r} behind it; taken as categories. Without it they are numbers"
        )
    if sum(bool(re.match(r"\W*\d", bare)) for bare in distinct.values()) >= MOSTLY * len(distinct):
        some = listed([repr(word) for word in list(distinct)[:3]])
        return f"its values begin with numbers, such as {some}; taken as categories"
    return ""


def _examples(distinct: dict[str, str]) -> list[str]:
    kinds: dict[int, str] = {}
    for word, bare in distinct.items():
        kinds.setdefault(next(place for place, one in enumerate(SPELLINGS) if one.fits.fullmatch(bare)), word)
    return list(kinds.values())[:3]


def bare(word: str) -> str:
    """The word with plain blanks, minus and apostrophe signs."""
    return tidy(word.replace("\u2009", " ").replace("\u202f", " ")).replace("\u2212", "-").replace("\u2019", "'")


def spelling(words: list[str]) -> Spelling | None:
    """The one way in which all these words are numbers, or None; a sign that all of them carry (per cent, a currency)
    is part of it."""
    for ending, share, said in (("%", 100, "per cent"), ("‰", 1000, "per mille")):
        if all(word.endswith(ending) for word in words):
            inner = spelling([word[:-1].strip() for word in words])
            return (
                None
                if inner is None
                else Spelling(
                    inner.fits,
                    _scaled(inner.value, share),
                    f"{said} ({inner.said})" if inner is not SPELLINGS[0] else said,
                )
            )
    for sign in CURRENCIES:
        if all(sign in word for word in words):
            inner = spelling([_without(word, sign) for word in words])
            return None if inner is None else Spelling(inner.fits, _after(inner.value, sign), f"amounts in {sign}")
    fitting = [one for one in SPELLINGS if all(one.fits.fullmatch(word) for word in words)]
    if not fitting:
        return None
    if len(fitting) > 1 and fitting[-1] is SPELLINGS[-1]:  # nothing tells lakhs there
        fitting.pop()
    return fitting[0] if len(fitting) == 1 or fitting[0] is SPELLINGS[0] else _likelier(fitting, words)


def _likelier(fitting: list[Spelling], words: list[str]) -> Spelling | None:
    """Of two readings ("1,234": a thousand or one and a fraction) the one that the words settle, else None."""
    values = [[one.value(word) for word in words] for one in fitting]
    if all(np.allclose(values[0], other, rtol=1e-12) for other in values[1:]):
        return fitting[0]
    thousands, decimal = SPELLINGS[1], SPELLINGS[2]
    if thousands not in fitting or decimal not in fitting:
        return fitting[0]
    marked = [word for word in words if "," in word]
    plain = [abs(float(word)) for word in words if "," not in word]
    if any(re.match(r"[+-]?0\d*,", word) for word in marked):  # no one writes 0,123 for a thousand
        return decimal
    # All grouped (either reading has the same shape), or grouped from 1,000 on.
    if len(marked) == len(words) or max(plain) < 1000:
        return thousands
    return None


def _scaled(value: Callable[[str], float], share: int) -> Callable[[str], float]:
    return lambda word: value(word[:-1].strip()) / share


def _after(value: Callable[[str], float], sign: str) -> Callable[[str], float]:
    return lambda word: value(_without(word, sign))


def _without(word: str, sign: str) -> str:
    return word.replace(sign, "", 1).strip().replace("- ", "-")


def _days(values: "pd.Series") -> "pd.Series":
    """Dates as days since 1970-01-01 (UTC), spans of time as days; float64."""
    import pandas as pd

    if values.dtype.kind == "m":
        return values / np.timedelta64(1, "D")
    stamps = (
        values
        if values.dtype.kind == "M"
        else pd.to_datetime(values, utc=True, format="ISO8601" if isinstance(values.iloc[0], str) else None)
    )
    if getattr(stamps.dtype, "tz", None) is not None:
        stamps = stamps.dt.tz_convert("UTC").dt.tz_localize(None)
    return (stamps - np.datetime64("1970-01-01")) / np.timedelta64(1, "D")


def _dates_said(values: "pd.Series") -> str:
    kind = "spans of time, read as days" if values.dtype.kind == "m" else "dates, read as days since 1970-01-01"
    return f"holds {kind} ({values.iloc[0]} is {_days(values).iloc[0]:.6g})"
