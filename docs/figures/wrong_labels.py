"""Finding wrong labels, when to stop looking, and whether it helps."""

import math
from typing import Any

from figures.table import table


def detectors(found: dict[str, Any]) -> str:
    parts = [
        "## Finding wrong labels\n\nThe training samples of the sample projects ranked by each detector, judged by the "
        "truth files; 95 % bootstrap intervals. The queue's rule and the checkpoint that `neighbors` reads were chosen "
        "looking at the truth files of text and fashion, so those rows are in-sample; that of cells was not looked at "
        "before.\n"
    ]
    for name, sample in found.items():
        kinds = [kind for kind in next(iter(sample["detectors"].values()))["auroc"] if kind != "overall"]
        parts.append(f"### {name}\n\n{_about(sample)}\n")
        head = [
            "detector",
            "AUROC",
            *[f"AUROC, {kind} errors" for kind in kinds],
            "average precision",
            "precision in the first 10 %",
        ]
        lines = [
            [
                f"`{detector}`" if detector != "suspicion" else "**the queue**",
                _between(figures["auroc"]["overall"]),
                *[_between(figures["auroc"][kind]) for kind in kinds],
                _between(figures["average_precision"]),
                _between(figures["precision_at_10_percent"]),
            ]
            for detector, figures in sample["detectors"].items()
        ]
        parts.append(table(head, lines))
    return "\n".join(parts)


def _about(sample: dict[str, Any]) -> str:
    """What is wrong with a sample, what the search said of it, and how good the model is."""
    if "test_rmse" in sample:
        return (
            f"{sample['wrong']} of {sample['n']:,} values are wrong (base rate {sample['base_rate']:.3f}); the search "
            f"says of {sample['apart']} that they stand apart, and no number of wrong ones. The interval of the "
            f"suggested value holds the true one for {100 * sample['true_value_in_interval']:.1f} % of all and "
            f"{100 * sample['true_value_in_interval_of_wrong']:.1f} % of the wrong ones (asked: 90). Root mean squared "
            f"error of the model on the test set {sample['test_rmse']:.2f}."
        )
    estimate = sample["estimate_of_wrong"]
    return (
        f"{sample['wrong']} of {sample['n']:,} labels are wrong (base rate {sample['base_rate']:.3f}); the search "
        f"estimated {estimate['mid']:.0f} ({estimate['low']:.0f} to {estimate['high']:.0f}). Test accuracy of the "
        f"model {100 * sample['test_accuracy']:.1f} %."
    )


def _between(found: dict[str, float]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def mislabels(found: dict[str, Any]) -> str:
    about, settings = found["about"], [name for name in found if name != "about"]
    first = found[settings[0]]
    head = (
        f"## Planted errors in the digits\n\nAUROC, mean (smallest to largest) over {len(first['seeds'])} fresh seeds: "
        f"{about['n_train']:,} training digits, {about['flipped']} of them with a uniformly drawn other label, "
        f"{about['n_validation']} clean validation digits. `mlp-by-heart` is trained until it fits nearly every wrong "
        "label; an empty place was not measured there.\n"
    )

    def cell(setting: str, detector: str) -> str:
        area = found[setting]["detectors"].get(detector, {}).get("auroc")
        return f"{area['mean']:.3f} ({area['min']:.3f} to {area['max']:.3f})" if area else ""

    names = sorted(first["detectors"], key=lambda name: -first["detectors"][name]["auroc"]["mean"])
    lines = [
        [f"`{name}`" if name != "suspicion" else "**the queue**", *[cell(setting, name) for setting in settings]]
        for name in names
    ]
    fit = ["training accuracy", *[f"{found[setting]['train_accuracy']:.3f}" for setting in settings]]
    seeds = ["seeds", *[f"{found[setting]['seeds'][0]} to {found[setting]['seeds'][-1]}" for setting in settings]]
    return "\n".join([head, table(["detector", *settings], [*lines, fit, seeds])])


def wrong_values(found: dict[str, Any]) -> str:
    data = [name for name in found if name != "about"]
    head = (
        f"## Planted wrong values\n\nAUROC, mean (smallest to largest) over {len(found[data[0]]['seeds'])} fresh "
        f"seeds: {100 * found['about']['wrong']:.0f} % of the training values moved by one to two standard deviations "
        "or, *swapped*, set to another sample's value. Diabetes is nearly unpredictable (the model's error is nine "
        "tenths of the values' spread), Friedman's function is not: a wrong value can be seen where the right one can "
        "be predicted.\n"
    )

    def cell(name: str, detector: str) -> str:
        area = found[name]["detectors"][detector]["auroc"]
        return f"{area['mean']:.3f} ({area['min']:.3f} to {area['max']:.3f})"

    first = found[data[0]]["detectors"]
    names = sorted(first, key=lambda name: -first[name]["auroc"]["mean"])
    lines = [[f"`{n}`" if n != "suspicion" else "**the queue**", *[cell(name, n) for name in data]] for n in names]
    lines.append(["test error in spreads", *[f"{found[name]['test_rmse_in_spreads']:.2f}" for name in data]])
    lines.append(["true value in the interval", *[f"{100 * found[n]['true_value_in_interval']:.0f} %" for n in data]])
    return "\n".join([head, table(["detector", *data], lines)])


def stop_rule(found: dict[str, Any]) -> str:
    lines = []
    for name, one in found.items():
        for word in ("calibrated", "uncalibrated"):
            for stop, cell in one.get(word, {}).items():
                lines.append(
                    [
                        f"{name} ({one['wrong']} of {one['n']:,} wrong)",
                        word,
                        f"the rule ({cell['stopped_at']:.0f})" if stop == "rule" else stop,
                        f"{cell['covered']} of {cell['reviews']}",
                        f"{cell['next_covered']} of {cell['reviews']}",
                        f"{cell['left']:.1f}",
                        f"{cell['expected_minus_true']:+.1f}",
                        f"{cell['width']:.1f}",
                    ]
                )
    head = [
        "queue",
        "",
        "stopped after",
        "left: covered",
        "next 50: covered",
        "truly left, mean",
        "expected minus true, mean",
        "width, mean",
    ]
    return (
        "## When to stop reviewing\n\nSimulated reviews that follow the queue; how often the 90 % intervals held the "
        "true number of wrong labels left, and of those among the next fifty. Queues are drawn anew from real searches "
        "with planted errors (`benchmarks/stop_rule.py` says how); the priors were settled on one other seed of the "
        "digits and on the image sample.\n\n" + table(head, lines)
    )


def moons(found: dict[str, Any]) -> str:
    about, models = found["about"], [name for name in found if name != "about"]
    head = (
        f"## Two half-moons\n\nMean ± standard deviation over {len(about['seeds'])} seeds: {about['n_train']} points, "
        f"{about['flipped']} with a flipped label; the query is the mean loss of 100 clean points. Detection is the "
        f"share of all points rightly called when the first {about['flipped']} are called flipped; found is the share "
        "of the flipped among them; accuracy is on 100 clean points, after training again without them.\n"
    )

    def cell(value: dict[str, float], digits: int = 3) -> str:
        return f"{value['mean']:.{digits}f} ± {value['std']:.{digits}f}"

    left_out = {
        "accuracy": "nothing dropped",
        "without_random_points": "random points",
        "without_flipped_points": "exactly the flipped points",
    }
    parts = [head]
    for name in models:
        before, keys = found[name]["before"], ("auroc", "found", "detection", "accuracy_after", "gain", "gain_trimmed")
        lines = [
            [detector, *[cell(figures[key]) for key in keys]] for detector, figures in found[name]["detectors"].items()
        ]
        lines += [[words, "", "", "", cell(before[key]), "", ""] for key, words in left_out.items()]
        titles = ["", "AUROC", "found", "detection", "accuracy after", "gain in accuracy", "gain, first 5 % dropped"]
        parts += [f"### {name}\n", table(titles, lines)]
    names = [name for name in found[models[0]]["angles"] if not name.startswith("residual")]
    lines = [[name.replace("_", " "), *[cell(found[model]["angles"][name]) for model in models]] for name in names]
    return "\n".join([*parts, table(["angles in degrees, shares of one", *models], lines)])


def _crossed(figure: dict[str, Any]) -> dict[str, float]:
    """The interval over seeds and test samples from the two kept beside it, added in squares: at least as wide as
    ``statistics.crossed``."""
    middle, alone, seeds = figure["difference"]["estimate"], figure["test_only"], figure["spread"]
    low, high = (math.hypot(middle - alone[end], middle - seeds[end]) for end in ("low", "high"))
    return {"estimate": middle, "low": middle - low, "high": middle + high}


def proof(found: dict[str, Any]) -> str:
    lines = []
    for name, words in (("suspicion", "the queue's first tenth"), ("random", "as many at random")):
        result = found[name]
        change = _crossed(result["accuracy"])
        points = f"{100 * change['estimate']:+.2f} ({100 * change['low']:+.2f} to {100 * change['high']:+.2f})"
        before, after = (sum(result["accuracy"][when]) / len(result["accuracy"][when]) for when in ("before", "after"))
        lines.append(
            [
                words,
                f"{result['reviewed']:,}",
                str(result["fixed"]),
                f"{100 * before:.2f} %",
                f"{100 * after:.2f} %",
                points,
            ]
        )
    return (
        "## Does fixing them help?\n\nThe image sample, reviewed by somebody who is always right, retrained over "
        f"{len(found['seeds'])} seeds; 95 % intervals over seeds and test samples. The sample's recipe was chosen "
        "among six because it learns wrong labels by heart, so that there is something to gain; the six were compared "
        "by their gain on this same test set, so the size of the gain is flattered. With the default recipe, setting "
        "all 480 labels right gained 0.7 points on one seed, an interval that includes zero.\n\n"
        + table(["reviewed", "samples", "labels set right", "accuracy before", "after", "change, points"], lines)
    )
