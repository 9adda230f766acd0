"""Regular expressions of the user's on generated answers: checked before they are kept, and bounded in time."""

import json
import re
import subprocess
import sys
from collections.abc import Sequence

from attribution.errors import UserError

LONGEST = 500  # characters of a pattern
LIMIT_S = 5.0  # for all answers together
_CODE = (
    "import json, re, sys; pattern, texts = json.load(sys.stdin); found = re.compile(pattern); "
    "print(json.dumps([found.search(text) is not None for text in texts]))"
)


def checked(pattern: str) -> str:
    """The pattern; ``UserError`` for one that is too long, matches everything, or is no regular expression."""
    if len(pattern) > LONGEST:
        raise UserError(f"The pattern has {len(pattern):,} characters.", "", f"Use at most {LONGEST}.")
    try:
        found = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UserError(
            f"{pattern!r} is no regular expression: {error}.",
            "Generated answers are searched for it.",
            "Put a backslash before signs that are meant as themselves, such as \\( or \\?.",
        ) from error
    if found.search(""):
        raise UserError(
            f"The pattern {pattern!r} matches an empty answer, so it matches any.",
            "A rate of it would always be 100 %.",
            "Write what must stand in the answer.",
        )
    return pattern


def matches(pattern: str, texts: Sequence[str], limit_s: float = LIMIT_S) -> list[bool]:
    """Which texts (n,) the pattern is found in. A process of its own searches, so that one that takes longer than
    ``limit_s`` can be ended: a ``UserError``."""
    given = json.dumps([pattern, list(texts)])
    try:
        run = subprocess.run(
            [sys.executable, "-I", "-S", "-c", _CODE], input=given, capture_output=True, text=True, timeout=limit_s
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(
            f"The pattern {pattern!r} took longer than {limit_s:g} s on {len(texts):,} answers.",
            "Some patterns take longer than anyone waits: repeats within repeats, such as (a+)+.",
            "Write it without them.",
        ) from error
    if run.returncode:
        raise RuntimeError(run.stderr)
    found: list[bool] = json.loads(run.stdout)
    return found
