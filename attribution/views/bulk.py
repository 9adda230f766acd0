"""A bulk step on its page: what its number rests on, and what the random dozen said."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.views.numbers import plural

if TYPE_CHECKING:
    import pandas as pd

    from attribution.studies.mislabels.bulk import Surest
    from attribution.studies.mislabels.result import FlagResult
    from attribution.views.faces import Face


def basis(found: "Surest", face: "Face") -> str:
    """What the interval rests on; for numbers, how far a suggestion is off."""
    half = getattr(found, "half", None)
    off = f" Nine of ten suggested {face.nouns} are off by at most {face.suggestion(half)}." if half is not None else ""
    return f"{found.basis}{off}"


def checked_words(states: "pd.DataFrame", flags: "FlagResult", rows: Sequence[int]) -> str:
    """How many of the looked-at rows took the suggestion: "Of the 12 you looked at, 10 took it."; "" before any."""
    decided = [row for row in rows if row in states.index and states.at[row, "verdict"]]
    if not decided:
        return ""
    taken = sum(_took(states.loc[row], flags.entry(row)) for row in decided)
    return (
        f"Of {plural(len(decided), 'suggestion')} that you looked at, {taken} {'was' if taken == 1 else 'were'} right."
    )


def _took(state: Any, entry: Any) -> bool:
    return bool(state["active"]) and bool(np.equal(state["label"], entry["suggested"]))
