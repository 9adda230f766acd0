"""The recommendation in words, from the names and numbers that a bench keeps; whoever shows it says what names are
called."""

from collections.abc import Mapping
from typing import Any

from attribution.studies.bench.recommend import Choice

LEAST = 0.5  # rank correlation with another seed under which a ranking is called another one


def sentences(summary: Mapping[str, Any], titles: Mapping[str, str] | None = None) -> list[str]:
    """What to use for what, the headline first. ``summary`` as of ``BenchResult.summary``; ``titles`` of estimators and
    detectors by name, by default their names. Benches of earlier versions hold finished sentences."""
    if "choices" not in summary:
        return list(summary.get("recommendation", []))
    called = dict(titles or {})
    found = summary["choices"]
    lines = []
    if "explain" in found:
        lines += explaining(Choice.from_json(found["explain"]), called)
    if "mislabels" in found:
        about = found["mislabels"]
        lines += finding(Choice.from_json(about), about["budget"], about["precision"], called)
    if "stability" in found:
        lines += fragile(summary["explain"], found["stability"], called)
    return lines


def explaining(choice: Choice, titles: Mapping[str, str]) -> list[str]:
    """What to use to explain one prediction, and what not."""
    if not choice.pick:
        return [
            "No estimator explains this model's predictions better than chance here: measure more subsets, or "
            "distrust them all."
        ]
    pick = titles.get(choice.pick, choice.pick)
    lines = [f"To explain one prediction, use {pick}: LDS {_shown(choice, choice.pick)}.{_cheapest(choice, titles)}"]
    useless = [f"{titles.get(name, name)} (LDS {_shown(choice, name)})" for name in choice.useless]
    if len(useless) == 1:
        lines.append(f"{useless[0]} is not measurably better than random here.")
    elif useless:
        lines.append(f"Not measurably better than random here: {', '.join(useless)}.")
    return lines


def finding(choice: Choice, budget: float, precision: Mapping[str, float], titles: Mapping[str, str]) -> list[str]:
    """What to use to find wrong targets."""
    if not choice.pick:
        return ["Nothing finds the planted errors better than chance here."]
    pick = titles.get(choice.pick, choice.pick)
    share = f"{100 * precision[choice.pick]:.0f} % of the first {100 * budget:g} % of its queue were planted"
    return [
        f"To find errors in this data, use {pick}: average precision {_shown(choice, choice.pick)}, {share}."
        f"{_cheapest(choice, titles)}"
    ]


def fragile(name: str, spearman: Mapping[str, float], titles: Mapping[str, str]) -> list[str]:
    """A warning if another seed turns over the ranking of the recommended estimator."""
    found = spearman.get(name, 1.0)
    if not name or found >= LEAST:
        return []
    called = titles.get(name, name)
    return [f"{called} gives another ranking with another seed (rank correlation {found:.2f}): average over several."]


def _cheapest(choice: Choice, titles: Mapping[str, str]) -> str:
    if choice.best == choice.pick:
        return ""
    best = f"{titles.get(choice.best, choice.best)} ({_shown(choice, choice.best)})"
    return f" It is the cheapest of those not measurably worse than the best, {best}."


def _shown(choice: Choice, name: str) -> str:
    found = choice.figures[name]
    return f"{found.estimate:.2f} ± {(found.high - found.low) / 2:.2f}"
