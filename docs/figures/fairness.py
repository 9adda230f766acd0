"""Fairness and robustness: what removing the most harmful samples does."""

from typing import Any

from figures.table import table


def fairness(found: dict[str, Any]) -> str:
    """The parts that were measured, as Markdown."""

    def points(one: dict[str, float]) -> str:
        return f"{100 * one['mean']:.1f} ± {100 * one['error']:.1f}"

    parts = [
        "## Fairness and robustness\n\nThe most harmful training samples by `ip` are removed and the model is trained "
        "anew; the budget is chosen on validation samples, all figures are of test samples, in points; ± is one "
        "standard error over the seeds.\n"
    ]
    census = [one for name, one in found.items() if name.startswith("census-")]
    if census:
        lines = []
        for one in census:
            before, after = one["sweep"]["0"], one["sweep"][f"{one['suggested']:g}"]
            low, high = (
                (100 * one["change"]["eop"][side] for side in ("low", "high"))
                if one["change"]
                else (float("nan"), float("nan"))
            )
            words = [
                f"{100 * before['eop']:.1f} → {100 * after['eop']:.1f}",
                f"{low:+.1f} to {high:+.1f}",
                f"{100 * one['random']['eop']:.1f}",
            ]
            lines.append([str(one["seed"]), f"{one['suggested']:g} %", *words, f"{100 * one['accuracy_change']:+.2f}"])
        head = [
            "ranking model's seed",
            "suggested",
            "equal opportunity gap",
            "95 % interval of the change",
            "gap, as many at random",
            "accuracy, change",
        ]
        sizes = ", ".join(f"{group['positives']} of group {group['group']}" for group in census[0]["groups"])
        budgets = list(census[0]["sweep"])
        sweep = [
            [
                f"{budget} %",
                *[
                    f"{100 * sum(one['sweep'][budget][name] for one in census) / len(census):+.1f}"
                    for name in ("signed eop", "accuracy")
                ],
            ]
            for budget in budgets
        ]
        parts += [
            "### The census sample\n\nEqual opportunity by sex, three trainings per ranking model. Positive test "
            f"samples: {sizes}.\n",
            table(head, lines),
            "Over the budgets, mean of the three; the gap with its sign (men minus women), below zero is overshoot.\n",
            table(["removed", "gap", "accuracy"], sweep),
        ]
    biased = {name.removeprefix("biased-"): one for name, one in found.items() if name.startswith("biased-")}
    if biased:
        names = {"eop-gap": "equal opportunity", "fgsm": "robustness", "loss": "utility"}
        lines = []
        for network in biased:
            first = biased[network]["eop-gap"]["before"]
            lines.append([network, "nothing", *[points(first[name]) for name in ("accuracy", "eop", "attacked")]])
            for measure, words in names.items():
                lines.append(
                    [
                        network,
                        f"by {words}",
                        *[points(biased[network][measure]["after"][name]) for name in ("accuracy", "eop", "attacked")],
                    ]
                )
            lines.append(
                [
                    network,
                    "at random",
                    *[points(biased[network]["eop-gap"]["random"][name]) for name in ("accuracy", "eop", "attacked")],
                ]
            )
            for budget in ("10", "20"):
                at = biased[network]["eop-gap"]["sweep"][budget]
                lines.append(
                    [
                        network,
                        f"by equal opportunity, always {budget} %",
                        *[points(at[name]) for name in ("accuracy", "eop", "attacked")],
                    ]
                )
        about = next(iter(biased.values()))["about"]
        parts += [
            f"### Labels biased against one group\n\n{about['train']:,} synthetic training samples, {about['seeds']} "
            f"draws; {100 * about['turned']:.0f} % of one group's positive training labels are turned; validation and "
            f"test labels are right. Attack: FGSM, epsilon {about['epsilon']:g}.\n",
            table(["model", "removed", "accuracy", "equal opportunity gap", "accuracy under attack"], lines),
        ]
    if "disagree" in found:
        one = found["disagree"]
        lines = [
            [words, *[points(one[key][name]) for name in ("accuracy", "dp")]]
            for key, words in (("before", "nothing"), ("dp-gap", "by parity"), ("loss", "by utility"))
        ]
        parts += [
            "### Where utility and fairness disagree\n\nRight labels, groups that really differ; "
            f"{one['removed_percent']:g} % removed. Rank correlation of the two rankings "
            f"{one['spearman_of_the_rankings']['mean']:.2f}.\n",
            table(["removed", "accuracy", "demographic parity gap"], lines),
        ]
    if "order" in found:
        lines = [
            [
                words,
                f"{one['spearman']['mean']:.3f}",
                f"{one['spearman']['min']:.3f}",
                f"{one['same_sign']['mean']:.3f}",
            ]
            for words, one in found["order"].items()
        ]
        parts += [
            "### Dot products against the exact influence function\n\nLogistic model on the biased synthetic "
            "data, eight draws.\n",
            table(["asked of", "Spearman, mean", "lowest", "share of equal signs"], lines),
        ]
    return "\n".join(parts)
