"""What a setting may be: its range stands beside its help, and one function checks it for flags, forms and Python
alike."""

import dataclasses
import math
import operator
import os
import re
from collections.abc import Mapping
from numbers import Real
from typing import Any, get_args

from attribution.errors import UserError

DEVICE = re.compile(r"auto|cpu(:0)?|mps(:0)?|cuda(:\d{1,3})?")
DEVICES = "auto, cpu, cuda, cuda:N or mps"
SEED = 2**32 - 1  # the largest one that NumPy, scikit-learn and torch all take


def opt(default: Any, help: str, **limits: Any) -> Any:
    """A documented dataclass field with the values it may have.

    ``low`` and ``high`` belong to the range, ``above`` and ``below`` do not; ``choices`` lists the words there are;
    ``plugins`` names the registry that knows them; ``device=True`` is for names of devices; ``least`` is how many
    different entries a tuple needs; ``why`` is a sentence on what a value outside would do. Limits of a tuple are those
    of its entries.
    """
    return dataclasses.field(default=default, metadata={"help": help, **limits})


class Options(dict[str, Any]):
    """Settings of plug-ins by name; never changed once made, so that the config that holds them can be a key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


class Settings:
    """Base of every config: it checks itself when it is made, so no value out of its range reaches any work."""

    def __post_init__(self) -> None:
        for item in dataclasses.fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, item.name, checked(item, getattr(self, item.name)))


def checked(item: "dataclasses.Field[Any]", value: Any, name: str = "") -> Any:
    """The value in the setting's own type; ``UserError`` with ``name`` (default: the field's), its range and a usual
    value otherwise."""
    kind = entry_type(item)
    if kind is Options:
        found = value
        problem = "" if isinstance(value, Mapping) else "It must map names of settings to values."
    elif not isinstance(item.default, tuple):
        found, problem = _one(item, kind, value)
    elif isinstance(value, (list, tuple)):
        pairs = [_one(item, kind, entry) for entry in value]
        found = tuple(entry for entry, _ in pairs)
        problem = next((why for _, why in pairs if why), "")
        least = item.metadata.get("least", 0)
        if not problem and len(set(found)) < least:
            problem = f"At least {'one is' if least == 1 else f'{least} different ones are'} needed."
    else:
        found = value
        problem = "It must be a list of values."
    if problem:
        why = f"{problem} {item.metadata.get('why', '')}".strip()
        raise UserError(f"{name or item.name} is {_shown(value)}.", why, f"The usual value is {_shown(item.default)}.")
    return found


def limits(config: type, name: str) -> tuple[Any, Any]:
    """Smallest and largest value of a number setting, for a form's field; None where there is none."""
    (item,) = [item for item in dataclasses.fields(config) if item.name == name]
    return item.metadata.get("low", item.metadata.get("above")), item.metadata.get("high", item.metadata.get("below"))


def entry_type(item: "dataclasses.Field[Any]") -> type:
    """The type of a setting's value, or of a tuple's entries."""
    return get_args(item.type)[0] if isinstance(item.default, tuple) else type(item.default)


def words(item: "dataclasses.Field[Any]") -> str:
    """What the setting may be, for messages and docs: "1 to 100,000"; empty when anything goes."""
    at = item.metadata
    if at.get("device"):
        return DEVICES
    if at.get("choices"):
        return ", ".join(at["choices"])
    if at.get("plugins"):
        return f"the {at['plugins']} there are"
    low = f"above {_number(at['above'])}" if "above" in at else _number(at["low"]) if "low" in at else ""
    high = (
        f"below {_number(at['below'])}" if "below" in at else f"at most {_number(at['high'])}" if "high" in at else ""
    )
    if "low" in at and "high" in at:
        text = f"{low} to {_number(at['high'])}"
    else:
        text = ", ".join(part for part in (f"{low} or more" if "low" in at else low, high) if part)
    return text + (
        f"; at least {at['least']} different" if at.get("least", 0) > 1 else "; at least one" if at.get("least") else ""
    )


def _one(item: "dataclasses.Field[Any]", kind: type, value: Any) -> tuple[Any, str]:
    """The value in its type, and what is wrong with it ("" when nothing is)."""
    if kind is str:
        return _word(item, os.fspath(value) if isinstance(value, os.PathLike) else value)
    if kind is bool:
        return (
            (bool(value), "")
            if isinstance(value, bool) or type(value).__name__ == "bool"
            else (value, "It must be true or false.")
        )
    try:
        number = _whole(value) if kind is int else _real(value)
    except (TypeError, ValueError, OverflowError):
        return value, f"It must be a {'whole ' * (kind is int)}number{_in_words(item)}."
    at = item.metadata
    outside = (
        ("low" in at and number < at["low"])
        or ("high" in at and number > at["high"])
        or ("above" in at and number <= at["above"])
        or ("below" in at and number >= at["below"])
    )
    return number, f"It must be a {'whole ' * (kind is int)}number{_in_words(item)}." if outside else ""


def _in_words(item: "dataclasses.Field[Any]") -> str:
    text = words(item).partition(";")[0]
    return f", {text}" if text else ""


def _word(item: "dataclasses.Field[Any]", value: Any) -> tuple[Any, str]:
    if not isinstance(value, str):
        return value, "It must be a word."
    if "\0" in value:
        return value, "It holds a NUL sign, which no name can hold."
    if item.metadata.get("device") and not DEVICE.fullmatch(value):
        return value, f"It must be {DEVICES}."
    known = item.metadata.get("choices")
    return value, f"It must be one of: {', '.join(known)}." if known and value not in known else ""


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return operator.index(value)


def _real(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _shown(value: Any) -> str:
    """A value as a user writes it, cut where it is long."""
    try:
        text = ",".join(str(entry) for entry in value) or "empty" if isinstance(value, (list, tuple)) else repr(value)
    except ValueError:  # a whole number of more digits than Python writes out
        text = "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:60]}... ({len(text):,} signs)"
