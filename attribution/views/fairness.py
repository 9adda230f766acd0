"""What the Fairness & robustness page says and draws: the figures now, the sweep of removals, and what is on offer."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from attribution.studies.fairness.judged import GAPS, Judged
from attribution.views.numbers import duration, hundredths, percent, plural, share_interval

if TYPE_CHECKING:
    from attribution.studies.fairness.result import FairnessResult

CONTROL = "#8A8378"
CHOICES = {
    "eop-gap": ("Equal opportunity", "Are positives recognised alike in all groups?"),
    "dp-gap": ("Equal rates", "Is the positive class given alike to all groups, whatever the truth?"),
    "fgsm": ("Robustness", "Is the model still right when every input is moved a little, where it hurts most?"),
}
NO_GROUPS = (
    "Only robustness is offered: the data have no group column. To compare groups, import the data again and name the "
    "column that says which group a sample belongs to."
)
NO_ATTACK = "Robustness is not offered: words and categories cannot be moved by a small amount."


def offered(has_groups: bool, attackable: bool) -> tuple[list[str], str]:
    """The measures that the data can have, and a sentence on those that they cannot ("" when all are there)."""
    names = [name for name in CHOICES if (has_groups if name != "fgsm" else attackable)]
    if not names:
        return (
            [],
            "The data have no group column, and words cannot be moved by a small amount: there is nothing to "
            "measure here.",
        )
    return names, "" if len(names) == len(CHOICES) else NO_GROUPS if not has_groups else NO_ATTACK


def rates_frame(judged: Judged, figure: str) -> pd.DataFrame:
    """Rate of the positive class by group in percent, with its 95 % Wilson interval: name (with the count), estimate,
    low, high."""
    lines = []
    for group, inside in judged.members(figure).items():
        n = int(inside.sum())
        hits = int((judged.decisions[0][inside] == judged.positive).sum())
        low, high = share_interval(hits, n)
        lines.append({"name": f"{group} ({n:,})", "estimate": 100 * hits / n, "low": 100 * low, "high": 100 * high})
    return pd.DataFrame(lines)


def gap_sentence(judged: Judged, figure: str, positive: str) -> str:
    """The gap in words, with its bootstrap interval; what to do when it does not exist."""
    members = judged.members(figure)
    if len(members) < 2:
        return "Fewer than two groups have such test samples, so there is no gap to measure."
    high, low = judged.pair(figure)
    found = judged.interval(figure, pair=(high, low))
    rates = {group: float(rate[0, 0]) for group, rate in judged.rates(figure).items()}
    whom = f"of the test samples labelled {positive}, " if figure == "eop" else "of all test samples, "
    sure = "" if found.excludes_zero else " So few samples cannot tell it from no gap."
    return (
        f"{whom[0].upper()}{whom[1:]}the model gives {positive} to {percent(rates[high])} in group {high} and "
        f"{percent(rates[low])} in group {low}: a gap of {points(found.estimate)} (95 % interval "
        f"{points(found.low, unit=False)} to {points(found.high)}).{sure}"
    )


def level(figure: str, share: float) -> str:
    """A figure as it stands: a gap between groups in points, a share of the samples in per cent."""
    return points(share) if figure in GAPS else f"{points(share, unit=False)} %"


def points(share: float, unit: bool = True) -> str:
    """Percentage points without a plus: 0.114 -> "11.4 points"."""
    return hundredths(100 * share) + (" points" if unit else "")


def change_words(change: Any) -> str:
    """A change of a share in points, with its interval."""
    low, high = (hundredths(100 * value, signed=True) for value in (change.low, change.high))
    return f"{hundredths(100 * change.estimate, signed=True)} points ({low} to {high})"


def cost_words(run_s: float | None, budgets: int, seeds: int) -> str:
    """How much work a search is, and about how long it takes."""
    trainings = (budgets + 2) * seeds
    about = f", about {duration(trainings * run_s)} here" if run_s else ""
    return (
        f"{plural(trainings, 'training')}: {plural(budgets, 'budget')} and two controls, "
        f"{plural(seeds, 'seed')} each{about}. Nothing is edited."
    )


def figures(found: "FairnessResult") -> list[dict[str, str]]:
    """The metrics under the verdict: target and accuracy with all samples and without the suggested ones, and the
    control."""
    budget = found.suggested or float(found.config["control"])
    cells = []
    for name, words in ((found.target, LABELS[found.target]), ("accuracy", "Accuracy")):
        before = found.at(0, name)
        after = found.at(budget, name)
        if before and after:
            delta = change_words(found.change(budget, name))
            text = f"{points(before['estimate'], unit=False)} → {level(name, after['estimate'])}"
            cells.append(
                {
                    "label": words,
                    "value": text,
                    "delta": delta,
                    "help": "On test samples, mean over the seeds; 95 % interval.",
                }
            )
    control = found.at(float(found.config["control"]), found.target, removed="random")
    if control:
        change = found.change(float(found.config["control"]), found.target, "random")
        text = level(found.target, control["estimate"])
        words = f"{LABELS[found.target]}, as many at random"
        cells.append(
            {
                "label": words,
                "value": text,
                "delta": change_words(change),
                "help": "The control: the same number of samples, drawn by chance.",
            }
        )
    return cells


LABELS = {
    "eop": "Equal opportunity gap",
    "dp": "Gap of rates",
    "attacked": "Accuracy under attack",
    "accuracy": "Accuracy",
}


def sweep_frame(found: "FairnessResult", figure: str, split: str = "test") -> pd.DataFrame:
    """One line per budget in points: budget, estimate, low, high; a gap with its sign, so that overshoot lies below
    zero."""
    table = found.sweep
    table = table[
        (table["figure"] == figure) & (table["split"] == split) & (table["removed"] == "harmful")
    ].sort_values("budget")
    names = ("signed", "signed_low", "signed_high") if figure in GAPS else ("estimate", "low", "high")
    return pd.DataFrame(
        {
            "budget": table["budget"],
            **dict(zip(("estimate", "low", "high"), (100 * table[name] for name in names), strict=True)),
        }
    )


def overshoot_sentence(found: "FairnessResult") -> str:
    """What the larger budgets do on the test samples, in a sentence; "" when nothing was overshot and accuracy held."""
    biggest = max(float(budget) for budget in found.config["budgets"])
    loss = found.change(biggest, "accuracy").estimate
    parts = []
    if found.target in GAPS:
        frame = sweep_frame(found, found.target)
        past = frame[(frame["estimate"] < 0) & (frame["budget"] > 0)]
        if len(past):
            parts.append(f"from {past['budget'].min():g} % on the gap turns over: the other group is now worse off")
    if loss < -0.01:
        parts.append(f"removing {biggest:g} % costs {points(-loss)} of accuracy")
    if not parts:
        return ""
    text = "; ".join(parts)
    return f"More is not better: {text}."


def matching(
    found: "list[FairnessResult]", run: str, measure: str, positive: str, epsilon: float
) -> "FairnessResult | None":
    """The newest remedy of this run that answers this question."""
    for one in found:
        asked = one.config["measure"]
        same = asked.get("positive", positive) == positive and asked.get("epsilon", epsilon) == epsilon
        if one.run == run and asked["name"] == measure and same:
            return one
    return None
