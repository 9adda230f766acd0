"""What the Memorization page shows: the scatter of truth against its stand-in, and pairs in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.views.numbers import NONE, duration, plural, three_digits

if TYPE_CHECKING:
    from attribution.studies.memorization.result import MemorizationResult

STAND_INS = {
    "unsure": "Unsure while training",
    "self_influence": "Self-influence",
}
KNOWN = 0.5  # memorization from which a label counts as known by heart in the headline


def headline(found: "MemorizationResult") -> str:
    """How many labels are known by heart, and how many predictions hang on one sample."""
    table = found.samples
    chance = float(found.config["pairs_by_chance"])
    sure = int((table["low"] > 0).sum())
    likely = int((table["memorization"] >= KNOWN).sum())
    text = (
        f"About {plural(likely, 'training label')} of {len(table):,} ({100 * likely / max(len(table), 1):.1f} %) are "
        f"known by heart: the model is right on them at least {100 * KNOWN:.0f} points more often when it was trained "
        f"on them. For {sure:,} the 95 % interval lies above zero."
    )
    seen = int(found.config["pairs_found"])
    if beyond_chance(found):
        verb = "seems" if seen == 1 else "seem"
        return (
            f"{text} {plural(seen, 'test prediction')} {verb} to hang on a single training sample; chance alone would "
            f"show about {chance:.0f}."
        )
    return (
        f"{text} Which predictions hang on a single sample cannot be told from chance with "
        f"{found.config['models']} models; more would tell."
    )


def beyond_chance(found: "MemorizationResult") -> bool:
    """Whether clearly more predictions hang on a single sample than chance alone would show."""
    return int(found.config["pairs_found"]) > 1.5 * float(found.config["pairs_by_chance"])


def stand_in_words(found: "MemorizationResult", name: str) -> str:
    """How well the quick stand-in orders the samples as the retrained models do."""
    rank = found.config["spearman"].get(name)
    if rank is None:
        return "This run has no record of its training, so this stand-in is not known."
    low, high = rank["low"], rank["high"]
    kind = "a good" if low > 0.6 else "a rough" if low > 0.3 else "a poor"
    return (
        f"{kind.capitalize()} stand-in here, without a single retraining: rank correlation with the retrained models "
        f"{rank['estimate']:.2f} ({low:.2f} to {high:.2f}). The estimates are noisy with few models, which lowers it."
    )


def scatter_frame(found: "MemorizationResult", name: str) -> pd.DataFrame:
    """``x`` (the stand-in's rank as a share, 0 to 1), ``y`` (memorization), ``row``; samples where either is unknown
    are left out."""
    table = found.samples[["row", "memorization", name]].dropna()
    rank = table[name].rank() / max(len(table), 1)
    frame = pd.DataFrame({"x": rank, "y": table["memorization"], "row": table["row"]})
    return frame.astype({"x": "float32", "y": "float32", "row": "int32"}).round(4).reset_index(drop=True)


def cost_words(line: Mapping[str, Any]) -> str:
    """What a number of models costs and gives."""
    wait = f"about {duration(line['seconds_s'])}" if line["missing"] else "no new training"
    return (
        f"{line['models']} models: {line['missing']} to train, {wait} on this machine; each estimate known to ± "
        f"{line['half_width']:.2f} at worst."
    )


def range_words(line: Mapping[str, Any], value: str = "memorization") -> str:
    """ "0.92 (0.61 to 1.00)"."""
    if not np.isfinite(line[value]):
        return NONE
    return f"{three_digits(line[value])} ({line['low']:.2f} to {min(line['high'], 1.0):.2f})"


def pair_words(line: Mapping[str, Any]) -> str:
    """What happens to a prediction with and without one training sample."""
    return (
        f"right in {100 * line['right_in']:.0f} % of the models trained on it, in {100 * line['right_out']:.0f} % of "
        "the others"
    )
