"""A comparison with a benchmark for people: verdicts, evidence, and what the score is worth."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.statistics.intervals import WithAndWithout, without
from attribution.studies.contamination.verdicts import COMMON, HARMLESS, LEAK, share
from attribution.views.numbers import NONE, plural, three_digits

if TYPE_CHECKING:
    from attribution.studies.contamination.result import ContaminationResult

VERDICTS = (LEAK, COMMON, HARMLESS)
MEANS = {
    LEAK: "The item stands in training: its score says nothing.",
    COMMON: "What is shared is said in many places, so it tells nothing of this item.",
    HARMLESS: "A few words that anybody would use.",
}


def told(result: "ContaminationResult", top: int) -> list[str]:
    """The comparison for a terminal: the sentence, the first hits of each verdict, the score, the rule."""
    lines = [result.verdict]
    for verdict in VERDICTS:
        hits = result.of(verdict)
        lines += [f"  {_hit(result, line)}" for line in hits.head(top).itertuples()]
        if len(hits) > top:
            lines.append(f"  … {len(hits) - top:,} more of {verdict}")
    lines += [f"{one['label']}: {one['value']} ({one['delta']})" for one in scores(result)]
    lines += [beyond] if (beyond := left_out(result)) else []
    return [*lines, str(result.config["rule"])]


def _hit(result: "ContaminationResult", line: Any) -> str:
    words = f"{line.verdict:<11} {result.items['name'][line.item]:<16} {line.source} ({line.id}): {line.why}"
    return f"{words} {said}" if (said := matters(line)) else words


def matters(line: Any) -> str:
    """What the model's gradients say of a hit; "" where they were not asked."""
    influence, highest = (float(getattr(line, name, np.nan)) for name in ("influence", "highest"))
    if np.isnan(influence):
        return ""
    if np.isnan(highest):
        return f"Influence on the item's loss {three_digits(influence, signed=True)}."
    more = "above" if influence > highest else "not above"
    sense = "the model learned it there" if influence > highest else "the model did not learn it there"
    return f"Influence {three_digits(influence, signed=True)}, {more} that of all other rows asked: {sense}."


def left_out(result: "ContaminationResult") -> str:
    """Items that could not be compared or asked, in words; "" for none."""
    parts = []
    if short := int(result.config.get("short", 0)):
        parts.append(f"{plural(short, 'item')} of fewer than 8 words can only be found in other words.")
    if result.asked_model and (long := result.config["items"] - result.config["asked"]):
        parts.append(f"{plural(long, 'item')} did not fit the model's length and was not asked." if long == 1
                     else f"{plural(long, 'item')} did not fit the model's length and were not asked.")  # fmt: skip
    return " ".join(parts)


def scores(result: "ContaminationResult") -> list[dict[str, str]]:
    """The model's mean loss on the items, and the share that it answers word for word, with and without the leaked
    ones: ``label``, ``value``, ``delta`` (the interval), ``help``. Nothing where no model was asked, or nothing
    leaks."""
    if not result.asked_model:
        return []
    found = []
    for name, title, unit in (("loss", "Loss", result.config["unit"]), ("right", "Answered word for word", "%")):
        values = result.items[name].to_numpy(dtype=np.float64)
        known = np.isfinite(values)
        leaked = result.leaked[known]
        if leaked.any() and not leaked.all():
            found += _figures(title, unit, without(values[known], leaked))
    return found


def _figures(title: str, unit: str, found: WithAndWithout) -> list[dict[str, str]]:
    scale = 100 if unit == "%" else 1

    def words(value: float) -> str:
        return f"{three_digits(scale * value)} {unit}"

    def between(one: Any) -> str:
        return f"{three_digits(scale * one.low)} to {three_digits(scale * one.high)}"

    return [
        {
            "label": f"{title}, all items",
            "value": words(found.all.estimate),
            "delta": between(found.all),
            "help": f"Of {plural(found.n, 'item')}; 95 % interval.",
        },
        {
            "label": f"{title}, without the leaked ones",
            "value": words(found.rest.estimate),
            "delta": between(found.rest) if found.n_rest else NONE,
            "help": f"Of the other {plural(found.n_rest, 'item')}; 95 % interval. The model is the same: its training "
            "still had the rows, until it is retrained without them.",
        },
    ]


def table(result: "ContaminationResult", verdict: str) -> "pd.DataFrame":
    """The hits of a verdict as a table: item, where the row stands, evidence, influence."""
    hits = result.of(verdict)
    columns: dict[str, Any] = {
        "item": result.items["name"].to_numpy(dtype=object)[hits["item"]],
        "row": hits["source"] + " (" + hits["id"] + ")",
        "shared": [share(value) if value == value else NONE for value in hits["part"]],
        "longest span, words": hits["span"],
        "13-word runs": hits["long_runs"],
        "other words, cosine": hits["twin"],
    }
    if "influence" in hits:
        columns["influence"] = hits["influence"]
    return pd.DataFrame(columns)


def marked(text: str, span: str, most: int = 1200) -> tuple[str, str, str]:
    """A text before, in and behind the shared span, cut around it to about ``most`` signs."""
    at = text.find(span) if span else -1
    if at < 0:
        return (f"{text[:most]}…" if len(text) > most else text), "", ""
    start = max(0, at - most // 4)
    stop = min(len(text), at + len(span) + most // 4)
    before = ("…" if start else "") + text[start:at]
    return before, span[:most], text[at + len(span) : stop] + ("…" if stop < len(text) else "")
