"""NAME=VALUE words that a network is made with: numbers, booleans, none, and words as they are."""

import re
from collections.abc import Sequence
from typing import Any

from attribution.errors import UserError

WORDS = {"true": True, "false": False, "none": None}
NAME = re.compile(r"[A-Za-z_]\w*")


def values_of(arguments: Sequence[str]) -> dict[str, Any]:
    """The arguments by name: ``depth=2`` is a whole number, ``drop=0.1`` a number, ``bias=false`` a boolean,
    ``size=64/32`` a tuple, ``none`` None, and everything else a word.

    ``UserError`` for an entry without a name, or a name that is given twice.
    """
    found: dict[str, Any] = {}
    for entry in arguments:
        name, sign, text = entry.partition("=")
        name = name.strip()
        if not sign or not NAME.fullmatch(name):
            raise UserError(
                f"{entry!r} is no argument of a network.", "It would be ignored.", "Write NAME=VALUE, such as depth=2."
            )
        if name in found:
            raise UserError(
                f"The argument {name} is given twice.", "Only one of them could count.", "Leave one of them out."
            )
        found[name] = _value(text.strip())
    return found


def _value(text: str) -> Any:
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    parts = text.split("/")
    numbers = [_value(part) for part in parts] if len(parts) > 1 and all(parts) else []
    return tuple(numbers) if numbers and all(isinstance(one, int | float) for one in numbers) else text
