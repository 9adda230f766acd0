"""What estimators find and how true they are: leaked copies, leave-one-out, the linear datamodeling score."""

from typing import Any

from figures.table import table


def estimators(found: dict[str, Any]) -> str:
    def shares(one: dict[str, float]) -> str:
        return f"{100 * one['top 1']:.0f} / {100 * one['top 20']:.0f} %"

    lines = [
        [f"`{name}`", shares(one["recall"]["exact"]), shares(one["recall"]["all"]), f"{one['forward_passes']:.1f}"]
        for name, one in sorted(found.items(), key=lambda pair: -pair[1]["recall"]["all"]["top 1"])
    ]
    return (
        "## Finding the leaked copy\n\nThe image sample's 60 leaked test images as queries: how often the training "
        "copy is the most helpful sample, and how often it is among the 20 most helpful.\n\n"
        + table(
            [
                "estimator",
                "exact copies",
                "with shifted, mirrored and brightened ones",
                "cost in forward passes over the training set",
            ],
            lines,
        )
    )


def leakage(found: dict[str, Any]) -> str:
    def shares(one: dict[str, float]) -> str:
        return " / ".join(f"{100 * one[f'top {k}']:.0f}" for k in (1, 5, 20)) + " %"

    lines = [
        [f"`{name}`" if name != "pixel distance" else name, shares(one["exact"]), shares(one["noisy"])]
        for name, one in sorted(
            found["estimators"].items(), key=lambda pair: -pair[1]["exact"]["top 1"] - pair[1]["noisy"]["top 1"]
        )
    ]
    return (
        f"## Finding the leaked copy, digits\n\nAn MLP with batch normalisation on {found['n_train']:,} digits (test "
        f"accuracy {100 * found['test_accuracy']:.1f} %); {found['copies']} training digits asked about, "
        f"{len(found['seeds'])} seeds. How often the training copy is the most helpful sample, among the first 5, "
        f"among the first 20; noisy: with Gaussian noise of {found['noise']} on pixels in 0 to 1. "
        "`forward-inf-released` keeps batch normalisation in eval mode.\n\n"
        + table(["estimator", "exact copies: first / 5 / 20", "noisy copies: first / 5 / 20"], lines)
    )


def convex(found: dict[str, Any]) -> str:
    lines = [
        [
            f"`{name}`",
            *[f"{one[kind]['pearson']:.4f} / {one[kind]['spearman']:.3f}" for kind in ("highest loss", "random")],
            f"{one['highest loss']['factor']:.2g}",
        ]
        for name, one in sorted(found["estimators"].items(), key=lambda pair: -pair[1]["highest loss"]["pearson"])
    ]
    return (
        "## Against true leave-one-out\n\nSoftmax regression on 500 digits, trained to the optimum; every sample left "
        "out in turn and the model trained anew. Pearson / Spearman over training samples, mean of ten queries.\n\n"
        + table(["estimator", "the ten hardest queries", "ten random queries", "factor from estimate to truth"], lines)
    )


def lds(found: dict[str, Any]) -> str:
    words = {"digits": "Digits, one hidden layer", "image": "The image sample"}
    parts = [
        "## Linear datamodeling score\n\nModels retrained on random halves of the training set; Spearman's correlation "
        "over the halves of the summed influence of a half with what retraining did to a query, mean over queries. 95 "
        "% intervals over subsets and queries. `datamodels` is judged on subsets held out from its fit. The recipe of "
        "the digits network was chosen among five by the score of the exact inverse on the same queries, so that table "
        "is in-sample where it compares recipes or dampings; the defaults stand in the lines without a damping.\n"
    ]
    for name, one in found.items():
        about = one["about"]
        repeats = "two trainings each" if about["repeats"] == 2 else "one training each"
        ceiling = f" A perfect estimator would reach {about['ceiling']:.2f}." if "ceiling" in about else ""
        parts.append(
            f"### {words[name]}\n\n{about['n_train']:,} training samples, {about['parameters']:,} parameters, "
            f"{about['queries']} queries, {about['subsets']} halves, {repeats}; {about['recipe']['epochs']} epochs, "
            f"weight decay {about['recipe']['weight_decay']:g}, test accuracy {100 * about['test_accuracy']:.1f} "
            f"%.{ceiling}\n"
        )
        lines = [
            [
                f"`{title}`",
                *[
                    f"{line[kind]['lds']:.3f} ({line[kind]['low']:.3f} to {line[kind]['high']:.3f})"
                    for kind in ("loss", "margin")
                ],
                _cost(line["notes"]),
            ]
            for title, line in sorted(one["estimators"].items(), key=lambda pair: -pair[1]["loss"]["lds"])
        ]
        parts.append(table(["estimator", "LDS, loss", "LDS, margin", COST], lines))
        if one["differences"]:
            differences = [
                [f"`{pair}`", f"{each['difference']:+.3f} ({each['low']:+.3f} to {each['high']:+.3f})"]
                for pair, each in one["differences"].items()
            ]
            parts.append(table(["difference, paired", "LDS, loss"], differences))
    return "\n".join(parts)


COST = "measured cost: CPU time in forward passes"


def _cost(notes: dict[str, Any]) -> str:
    """CPU time over that of a plain forward pass over the training set; seconds where a result is older than that
    measurement."""
    if "cpu_passes" in notes:
        return f"{notes['cpu_passes']:,.0f}"
    return f"{notes['seconds_s']:,.1f} s" if "seconds_s" in notes else ""


def damping(found: dict[str, Any]) -> str:
    lines = [
        [f"`{name}`", f"{one['lds']:.3f} ± {one['error']:.3f}", _cost(one["notes"])]
        for name, one in sorted(found["estimators"].items(), key=lambda pair: -pair[1]["lds"])
    ]
    return (
        "## Linear datamodeling score on a network, and the damping\n\nAn MLP on 1,000 digits, models trained on "
        "halves of the data; standard errors. A damping ratio of 1 is one mean eigenvalue of the "
        "curvature.\n\n" + table(["estimator", "LDS", COST], lines)
    )
