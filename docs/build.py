"""Writes docs/reference.md from the code and docs/benchmarks.md from the checked-in results. Run: python docs/build.py"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fairness import fairness

from attribution import config
from attribution.cli import cli

DOCS = Path(__file__).resolve().parent
RESULTS = DOCS.parent / "benchmarks" / "results"


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *lines]) + "\n"


def reference() -> str:
    """Settings, verbs, estimators and detectors, as the code has them."""
    from attribution.detectors import detectors
    from attribution.estimators import estimators
    from attribution.measures import measures

    parts = ["# Reference\n\nMade by `python docs/build.py` from the code; do not edit by hand.\n"]
    verbs = [
        (command.name or command.callback.__name__, command.callback.__doc__ or "")
        for command in cli.registered_commands
        if not command.hidden
    ]
    parts.append("## Verbs\n\nEvery flag: `datablame VERB --help`.\n")
    parts.append(table(["verb", "what it does"], [[f"`datablame {name}`", text.strip().splitlines()[0]] for name, text in verbs]))
    parts.append("## Settings\n\nThe same names are CLI flags, form fields and keys of `config.json`.\n")
    for name in [name for name in vars(config) if name.endswith("Config")]:
        kind = getattr(config, name)
        parts.append(f"### {name}\n\n{kind.__doc__}\n")
        lines = [[f"`{field}`", repr(default) if default != "" else "empty", text] for field, default, text in config.fields_of(kind)]
        parts.append(table(["setting", "default", "meaning"], lines))
    for registry, title in ((estimators, "Estimators"), (detectors, "Detectors")):
        items = [registry.get(name) for name in registry.names()]
        lines = [[f"`{item.name}`{_asked(item)}", item.title, item.summary, item.cost] for item in items]
        parts.append(f"## {title}\n")
        parts.append(table(["name", "in words", "summary", "cost"], lines))
    items = [measures.get(name) for name in measures.names()]
    parts.append("## Measures\n")
    parts.append(
        table(["name", "in words", "summary", "unit"], [[f"`{item.name}`", item.title, item.summary, item.unit] for item in items])
    )
    return "\n".join(parts)


def _asked(item: Any) -> str:
    """A word on detectors that an ordinary search leaves out."""
    return "" if getattr(item, "default", True) else " (on request)"


def benchmarks() -> str:
    """Every checked-in figure as a table."""
    parts = [
        "# Measured figures\n\nMade by `python docs/build.py` from `benchmarks/results/*.json`; each file is written by the script of the same name in"
        " `benchmarks/`. Machines differ and are noisy: compare ratios, not seconds.\n"
    ]
    pages: dict[str, Callable[[dict[str, Any]], str]] = {
        "detectors": _detectors,
        "mislabels": _mislabels,
        "stop_rule": _stop_rule,
        "moons": _moons,
        "proof": _proof,
        "fairness": lambda found: fairness(found, table),
        "estimators": _estimators,
        "leakage": _leakage,
        "convex": _convex,
        "lds": _lds,
        "damping": _damping,
        "gif-mlp": _gif,
        "gif-cnn": _gif,
        "engine-cpu": _engine,
        "leaks": _leaks,
        "neighbors": _neighbors,
        "topk": _topk,
        "compression": _compression,
        "peers": _peers,
        "forecast": _forecast,
        "startup": _startup,
        "million": _million,
    }
    for name, page in pages.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            parts.append(page(json.loads(path.read_text())))
    return "\n".join(parts)


def _between(found: dict[str, float]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _mislabels(found: dict[str, Any]) -> str:
    about, settings = found["about"], [name for name in found if name != "about"]
    first = found[settings[0]]
    head = (
        f"## Planted errors in the digits\n\nAUROC, mean (smallest to largest) over {len(first['seeds'])} fresh seeds: {about['n_train']:,} training digits,"
        f" {about['flipped']} of them with a uniformly drawn other label, {about['n_validation']} clean validation digits. `mlp-by-heart` is trained until"
        " it fits nearly every wrong label; an empty place was not measured there.\n"
    )

    def cell(setting: str, detector: str) -> str:
        area = found[setting]["detectors"].get(detector, {}).get("auroc")
        return f"{area['mean']:.3f} ({area['min']:.3f} to {area['max']:.3f})" if area else ""

    names = sorted(first["detectors"], key=lambda name: -first["detectors"][name]["auroc"]["mean"])
    lines = [[f"`{name}`" if name != "suspicion" else "**the queue**", *[cell(setting, name) for setting in settings]] for name in names]
    fit = ["training accuracy", *[f"{found[setting]['train_accuracy']:.3f}" for setting in settings]]
    seeds = ["seeds", *[f"{found[setting]['seeds'][0]} to {found[setting]['seeds'][-1]}" for setting in settings]]
    return "\n".join([head, table(["detector", *settings], [*lines, fit, seeds])])


def _moons(found: dict[str, Any]) -> str:
    about, models = found["about"], [name for name in found if name != "about"]
    head = (
        f"## Two half-moons\n\nMean ± standard deviation over {len(about['seeds'])} seeds: {about['n_train']} points, {about['flipped']} with a flipped label;"
        f" the query is the mean loss of 100 clean points. Detection is the share of all points rightly called when the first {about['flipped']} are called"
        " flipped; found is the share of the flipped among them; accuracy is on 100 clean points, after training again without them.\n"
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
        lines = [[detector, *[cell(figures[key]) for key in keys]] for detector, figures in found[name]["detectors"].items()]
        lines += [[words, "", "", "", cell(before[key]), "", ""] for key, words in left_out.items()]
        titles = ["", "AUROC", "found", "detection", "accuracy after", "gain in accuracy", "gain, first 5 % dropped"]
        parts += [f"### {name}\n", table(titles, lines)]
    names = [name for name in found[models[0]]["angles"] if not name.startswith("residual")]
    lines = [[name.replace("_", " "), *[cell(found[model]["angles"][name]) for model in models]] for name in names]
    return "\n".join([*parts, table(["angles in degrees, shares of one", *models], lines)])


def _detectors(found: dict[str, Any]) -> str:
    parts = [
        "## Finding wrong labels\n\nThe training samples of the sample projects ranked by each detector, judged by the truth files;"
        " 95 % bootstrap intervals. The queue's rule and the checkpoint that `neighbors` reads were chosen looking at these two truth files, so"
        " their rows are in-sample.\n"
    ]
    for name, sample in found.items():
        kinds = [kind for kind in next(iter(sample["detectors"].values()))["auroc"] if kind != "overall"]
        estimate = sample["estimate_of_wrong"]
        parts.append(
            f"### {name}\n\n{sample['wrong']} of {sample['n']:,} labels are wrong (base rate {sample['base_rate']:.3f}); the search estimated"
            f" {estimate['mid']:.0f} ({estimate['low']:.0f} to {estimate['high']:.0f}). Test accuracy of the model {100 * sample['test_accuracy']:.1f} %.\n"
        )
        head = ["detector", "AUROC", *[f"AUROC, {kind} errors" for kind in kinds], "average precision", "precision in the first 10 %"]
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


def _stop_rule(found: dict[str, Any]) -> str:
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
        "## When to stop reviewing\n\nSimulated reviews that follow the queue; how often the 90 % intervals held the true number of wrong labels left,"
        " and of those among the next fifty. Queues are drawn anew from real searches with planted errors (`benchmarks/stop_rule.py` says how); the"
        " priors were settled on one other seed of the digits and on the image sample.\n\n" + table(head, lines)
    )


def _proof(found: dict[str, Any]) -> str:
    lines = []
    for name, words in (("suspicion", "the queue's first tenth"), ("random", "as many at random")):
        result = found[name]
        change = result["accuracy"]["difference"]
        points = f"{100 * change['estimate']:+.2f} ({100 * change['low']:+.2f} to {100 * change['high']:+.2f})"
        before, after = (sum(result["accuracy"][when]) / len(result["accuracy"][when]) for when in ("before", "after"))
        lines.append([words, f"{result['reviewed']:,}", str(result["fixed"]), f"{100 * before:.2f} %", f"{100 * after:.2f} %", points])
    return (
        f"## Does fixing them help?\n\nThe image sample, reviewed by somebody who is always right, retrained over {len(found['seeds'])} seeds;"
        " 95 % intervals over seeds and test samples. The sample's recipe was chosen among six because it learns wrong labels by heart, so that there is"
        " something to gain; the six were compared by their gain on this same test set, so the size of the gain"
        " is flattered. With the default recipe, setting all 480 labels right gained 0.7 points on one seed, an interval that includes zero.\n\n"
        + table(["reviewed", "samples", "labels set right", "accuracy before", "after", "change, points"], lines)
    )


def _estimators(found: dict[str, Any]) -> str:
    def shares(one: dict[str, float]) -> str:
        return f"{100 * one['top 1']:.0f} / {100 * one['top 20']:.0f} %"

    lines = [
        [f"`{name}`", shares(one["recall"]["exact"]), shares(one["recall"]["all"]), f"{one['forward_passes']:.1f}"]
        for name, one in sorted(found.items(), key=lambda pair: -pair[1]["recall"]["all"]["top 1"])
    ]
    return (
        "## Finding the leaked copy\n\nThe image sample's 60 leaked test images as queries: how often the training copy is the"
        " most helpful sample, and how often it is among the 20 most helpful.\n\n"
        + table(
            ["estimator", "exact copies", "with shifted, mirrored and brightened ones", "cost in forward passes over the training set"],
            lines,
        )
    )


def _leakage(found: dict[str, Any]) -> str:
    def shares(one: dict[str, float]) -> str:
        return " / ".join(f"{100 * one[f'top {k}']:.0f}" for k in (1, 5, 20)) + " %"

    lines = [
        [f"`{name}`" if name != "pixel distance" else name, shares(one["exact"]), shares(one["noisy"])]
        for name, one in sorted(found["estimators"].items(), key=lambda pair: -pair[1]["exact"]["top 1"] - pair[1]["noisy"]["top 1"])
    ]
    return (
        f"## Finding the leaked copy, digits\n\nAn MLP with batch normalisation on {found['n_train']:,} digits"
        f" (test accuracy {100 * found['test_accuracy']:.1f} %); {found['copies']} training digits asked about, {len(found['seeds'])} seeds."
        " How often the training copy is the most helpful sample, among the first 5, among the first 20;"
        f" noisy: with Gaussian noise of {found['noise']} on pixels in 0 to 1. `forward-inf-released` keeps batch normalisation in eval mode.\n\n"
        + table(["estimator", "exact copies: first / 5 / 20", "noisy copies: first / 5 / 20"], lines)
    )


def _convex(found: dict[str, Any]) -> str:
    lines = [
        [
            f"`{name}`",
            *[f"{one[kind]['pearson']:.4f} / {one[kind]['spearman']:.3f}" for kind in ("highest loss", "random")],
            f"{one['highest loss']['factor']:.2g}",
        ]
        for name, one in sorted(found["estimators"].items(), key=lambda pair: -pair[1]["highest loss"]["pearson"])
    ]
    return (
        "## Against true leave-one-out\n\nSoftmax regression on 500 digits, trained to the optimum; every sample left out in turn and the model trained anew."
        " Pearson / Spearman over training samples, mean of ten queries.\n\n"
        + table(["estimator", "the ten hardest queries", "ten random queries", "factor from estimate to truth"], lines)
    )


def _damping(found: dict[str, Any]) -> str:
    lines = [
        [f"`{name}`", f"{one['lds']:.3f} ± {one['error']:.3f}", f"{one['notes'].get('forward_passes', 0):.0f}"]
        for name, one in sorted(found["estimators"].items(), key=lambda pair: -pair[1]["lds"])
    ]
    return (
        "## Linear datamodeling score on a network, and the damping\n\nAn MLP on 1,000 digits, models trained on halves of the data; standard errors."
        " A damping ratio of 1 is one mean eigenvalue of the curvature.\n\n"
        + table(["estimator", "LDS", "forward passes over the training set"], lines)
    )


def _lds(found: dict[str, Any]) -> str:
    words = {"digits": "Digits, one hidden layer", "image": "The image sample"}
    parts = [
        "## Linear datamodeling score\n\nModels retrained on random halves of the training set; Spearman's correlation over the halves of the"
        " summed influence of a half with what retraining did to a query, mean over queries. 95 % intervals over subsets and queries."
        " `datamodels` is judged on subsets held out from its fit. The recipe of the digits network was chosen among three by the score of the"
        " exact inverse on another network of the same data, so its table flatters a little, and it is in-sample where it compares dampings;"
        " the defaults stand in the lines without a damping.\n"
        " `datamodels` is judged on subsets held out from its fit. The recipe of the digits network was chosen among five"
        " by the score of the exact inverse on the same queries, so that table is in-sample where it compares"
        " recipes or dampings; the defaults stand in the lines without a damping.\n"
    ]
    for name, one in found.items():
        about = one["about"]
        repeats = "two trainings each" if about["repeats"] == 2 else "one training each"
        ceiling = f" A perfect estimator would reach {about['ceiling']:.2f}." if "ceiling" in about else ""
        parts.append(
            f"### {words[name]}\n\n{about['n_train']:,} training samples, {about['parameters']:,} parameters, {about['queries']} queries,"
            f" {about['subsets']} halves, {repeats}; {about['recipe']['epochs']} epochs, weight decay {about['recipe']['weight_decay']:g}, test accuracy"
            f" {100 * about['test_accuracy']:.1f} %.{ceiling}\n"
        )
        lines = [
            [
                f"`{title}`",
                *[f"{line[kind]['lds']:.3f} ({line[kind]['low']:.3f} to {line[kind]['high']:.3f})" for kind in ("loss", "margin")],
                _passes(line["notes"]),
            ]
            for title, line in sorted(one["estimators"].items(), key=lambda pair: -pair[1]["loss"]["lds"])
        ]
        parts.append(table(["estimator", "LDS, loss", "LDS, margin", "forward passes over the training set"], lines))
        if one["differences"]:
            differences = [
                [f"`{pair}`", f"{each['difference']:+.3f} ({each['low']:+.3f} to {each['high']:+.3f})"]
                for pair, each in one["differences"].items()
            ]
            parts.append(table(["difference, paired", "LDS, loss"], differences))
    return "\n".join(parts)


def _passes(notes: dict[str, Any]) -> str:
    return f"{notes['forward_passes']:,.0f}" if "forward_passes" in notes else ""


def _gif(found: dict[str, Any]) -> str:
    setting, parts = found["setting"], []
    words = {"backdoor": "A backdoor unlearned", "class": "A class removed"}
    about = {
        "backdoor": "A tenth of the training images is stamped and labelled 4; the update follows the right labels. On test images:"
        " accuracy as they are (clean), stamped ones called by their own label (relabel) and called 4.",
        "class": "The update follows the data without class 8. Accuracy on test images of the other classes and of the removed one.",
    }
    columns = {"backdoor": ("clean", "relabel", "still_target"), "class": ("others", "removed")}
    for kind in columns:
        if kind not in found:
            continue
        lines = []
        for title, one in found[kind]["summary"].items():
            runs = sum(title in lines_of for lines_of in found[kind]["by_seed"].values())
            cells = [
                str(runs),
                *[f"{100 * one[name]['mean']:.1f}" + (f" ± {100 * one[name]['sd']:.1f}" if runs > 1 else "") for name in columns[kind]],
            ]
            moved = (
                [f"{100 * one['share']['mean']:.1f} %", f"{one['steps']['mean']:.1f}", f"{one['seconds_s']['mean']:.1f}"]
                if "share" in one
                else ["", "", ""]
            )
            lines.append([f"`{title}`" if "share" in one else title, *cells, *moved])
        parts.append(
            f"## {words[kind]} without retraining ({setting['model']})\n\n{setting['n_train']:,} training digits, a small network. {about[kind]}"
            " Per cent, mean ± standard deviation over as many seeds as are named; rows chosen by outputs unless named; at most"
            f" {setting['steps'][kind]} steps. Curvature, choice and stop see training images only; the settings were chosen on another seed.\n\n"
            + table(["model", "seeds", *[name.replace("_", " ") for name in columns[kind]], "parameters moved", "steps", "seconds"], lines)
        )
    return "\n".join(parts)


def _engine(found: dict[str, Any]) -> str:
    setting = found["setting"]
    lines = [
        [name, f"{figure['ratio']:.2f}", f"{figure['ratio_lowest']:.2f} to {figure['ratio_highest']:.2f}"]
        for name, figure in found["figures"].items()
    ]
    deviation = found["relative_deviation_from_autograd_float64"]
    return (
        f"## The gradient engine\n\n{setting['images']:,} images against {setting['queries']} queries on the small CNN"
        f" ({setting['parameters']:,} parameters), batches of {setting['batch_size']}, {found['threads']} thread, torch {found['torch']}:"
        f" cost in plain forward passes over the same images, median of {setting['repeats']}.\n\n"
        + table(["work", "forward passes", "lowest to highest"], lines)
        + f"\nFloat32 against autograd one sample at a time in float64: {deviation['dots']:.1e} relative for dot products, {deviation['norms']:.1e} for norms."
        f" The per-sample gradients of the training set would take {found['per_sample_gradient_matrix_bytes'] / 1e9:.1f} GB; they are never held.\n"
    )


def _leaks(found: dict[str, Any]) -> str:
    parts = ["## Leaks\n\nHeld-out samples that training samples repeat, ranked by the likeliest first.\n"]
    for name in [name for name in ("fashion", "tabular") if name in found]:
        one = found[name]
        lines = []
        for method, figures in one["methods"].items():
            before = figures["false_before"]
            false = "never reached" if before is None else str(before)
            kinds = ", ".join(f"{kind} {n}" for kind, n in figures.get("kinds_in_first_100", {}).items())
            first = f"{figures['in_first_100']}{f' ({kinds})' if kinds else ''}"
            lines.append([method, f"{figures['in_first_as_many']} of {one['true']}", first, false])
        head = ["method", f"true among the first {one['true']}", "true among the first 100", f"false before the {one['wanted']}th true"]
        parts.append(f"### {name}\n\n{one['true']} leaked; {one['cases']} cases at the usual threshold.\n\n" + table(head, lines))
    names = [name for name in found if name not in ("fashion", "tabular")]
    if names:
        lines = [
            [
                name,
                f"{one['train']:,} / {one['test']:,}",
                f"{one['exact_found']:,} of {one['exact']:,}",
                f"{one['near_found']:,} of {one['near']:,}" if one["near"] else "",
                f"{one['listed']:,}",
                f"{one['hash_found']['exact']:,}" + (f" / {one['hash_found']['near']:,}" if one["near"] else ""),
                f"{one['neighbours_found']['exact']:,}" + (f" / {one['neighbours_found']['near']:,}" if one["near"] else ""),
            ]
            for name, one in ((name, found[name]) for name in names)
        ]
        parts.append(
            "### Larger public sets\n\nExact copies by comparing the raw content, near copies of texts by scikit-learn's tf-idf cosine above .95 (the exact"
            " ones among them). The neighbour search in the model (one epoch of training) may list as many as we do.\n\n"
            + table(["set", "train / test", "exact found", "near found", "listed", "plain hash", "neighbours in the model"], lines)
        )
    return "\n".join(parts)


def _neighbors(found: dict[str, Any]) -> str:
    lines = [["exact, blocked", f"{found['exact']['wall_s']:.0f} s", f"{found['exact']['processor_s']:.0f} s", "1"]]
    if "pynndescent" in found:
        other = found["pynndescent"]
        lines.append(["pynndescent", f"{other['wall_s']:.0f} s", f"{other['processor_s']:.0f} s", f"{other['recall']:.3f}"])
    return (
        f"## The neighbour graph\n\n{found['n']:,} points of {found['d']} numbers, {found['k']} neighbours, {found['threads']} threads; the exact search"
        f" peaks at {found['exact']['peak_bytes'] / 1e9:.2f} GB, points included.\n\n"
        + table(["search", "wall", "processor", "recall"], lines)
    )


def _forecast(found: dict[str, Any]) -> str:
    lines = [
        [
            line["sample"],
            f"`{line['what']}`",
            f"{line['n_train']:,}",
            f"{line['queries']:,}" if line["queries"] else "",
            f"{line['forecast_s']:.1f} s ({line['low_s']:.1f} to {line['high_s']:.1f})",
            f"{line['truth_s']:.1f} s",
            f"{line['ratio']:.2f}",
            f"{line['ratio_cpu']:.2f}",
            f"{line['ratio_bytes']:.2f}",
        ]
        for line in found["lines"]
    ]
    runs = found["runs"]
    return (
        "## Forecasts of time and memory\n\nReal runs, each forecast from its pilot first, in a fresh process on one thread of a machine with"
        f" {found['cores']} cores, where the processor gave a pilot"
        f" {100 * min(line['processor'] for line in found['lines']):.0f} to {100 * max(line['processor'] for line in found['lines']):.0f} % of a core:"
        " hence the ratio of forecast to truth twice, in wall seconds and in CPU seconds.\n\n"
        f"Within a factor of {found['factor']:g}: {found['within_cpu']} of {runs} in CPU seconds, {found['within']} of {runs} in wall seconds,"
        f" {found['within_memory']} of {runs} in peak memory; {found['in_range']} of {runs} wall times within the range stated.\n\n"
        + table(["sample", "work", "training samples", "queries", "forecast", "truth", "wall ratio", "CPU ratio", "memory ratio"], lines)
    )


def _topk(found: dict[str, Any]) -> str:
    sizes = {int(n): one for n, one in found["sizes"].items()}
    least = sizes[min(sizes)]["processor_s"]
    lines = [
        [
            f"{n:,} ({n / min(sizes):.0f}x)",
            f"{one['processor_s']:.1f} s ({one['processor_s'] / least:.1f}x)",
            f"{one['growth_mib']:.0f} MiB",
            f"{one['shard_bytes'] / 2**20:,.0f} MiB",
            f"{one['table_bytes'] / 2**20:,.1f} MiB",
            "yes" if one["equals_sorting"] else "no",
        ]
        for n, one in sorted(sizes.items())
    ]
    return (
        f"## Top-k per query over a million samples\n\nRandom scores with cosines for {found['queries']} queries in shard files, reduced as a score run does:"
        f" the {found['k']} most helpful and most harmful samples of every query, the {found['k_reverse']} queries of every sample, moments and histograms."
        " One thread; memory is the growth of the resident size.\n\n"
        + table(["training samples", "processor", "memory", "shards read", "tables written", "first and last query equal sorting"], lines)
        + f"\nThe same from a store of compressed gradients, {found['width']} numbers in bf16 a sample, without a score run:\n\n"
        + table(
            ["training samples", "processor", "memory", "store read"],
            [
                [
                    f"{int(n):,}",
                    f"{one['processor_s']:.1f} s",
                    f"{one['growth_mib']:.0f} MiB",
                    f"{one['store_bytes'] / 2**20:,.0f} MiB",
                ]
                for n, one in sorted(found["served"].items(), key=lambda pair: int(pair[0]))
            ],
        )
        + "\nA whole score run of `ip` on an MLP of 16 inputs, from the model to the tables; the memory counts the input file, 64 bytes a"
        " sample, which is mapped and not copied:\n\n"
        + table(
            ["training samples", "processor", "memory", "kept on disk"],
            [
                [
                    f"{int(n):,}",
                    f"{one['processor_s']:.1f} s",
                    f"{one['growth_mib']:.0f} MiB",
                    f"{one['kept_bytes'] / 2**20:,.0f} MiB ({'every pair' if one['dense'] else 'the tables'})",
                ]
                for n, one in sorted(found["whole"].items(), key=lambda pair: int(pair[0]))
            ],
        )
    )


def _compression(found: dict[str, Any]) -> str:
    def spread(one: dict[str, float]) -> str:
        return f"{one['mean']:.3f}" + (f" ({one['low']:.3f} to {min(1.0, one['high']):.3f})" if "low" in one else "")

    parts = [
        "## Compressed gradients\n\nDot products of compressed gradients of training samples with those of 100 queries, against the exact ones."
        " Spearman's correlation over all pairs; found: the share of a query's 24 most helpful and 24 most harmful samples that are still among"
        " its 24. Mean with 95 % interval over draws of the map; the leading directions are no draw. Vectors of the training set rounded to bf16,"
        f" as stored; in float32 no Spearman differs by more than {_rounding(found):.0e}. Cost is CPU time in forward passes over the same samples,"
        " one thread: making the store, and answering 100 new queries from it (their own gradients, reading, top 24). Finding the leading"
        " directions comes on top: 19 passes, counted, with ten classes.\n"
    ]
    for model, one in found.items():
        about = one["about"]
        parts.append(
            f"### {model}\n\n{about['parameters']:,} parameters, {about['samples']:,} samples: a gradient takes {about['full_bytes']:,} bytes in float32;"
            f" exact dots with 100 queries, nothing kept, cost {about['exact']:.1f} forward passes.\n"
        )
        lines = [
            [
                kind if place == 0 else "",
                f"{line['numbers']:,}",
                f"{line['bf16_bytes']:,}",
                spread(line["bf16"]["spearman"]),
                spread(line["bf16"]["found"]),
                f"{line['making']:.1f}",
                f"{line['answering']:.2f}",
            ]
            for kind, sizes in one["kinds"].items()
            for place, line in enumerate(sizes)
        ]
        parts.append(table(["compression", "numbers", "bytes a sample", "Spearman", "found", "making the store", "answering"], lines))
    return "\n".join(parts)


def _rounding(found: dict[str, Any]) -> float:
    """The largest change of a mean Spearman by rounding to bf16."""
    lines = [line for one in found.values() for sizes in one["kinds"].values() for line in sizes]
    return max(abs(line["bf16"]["spearman"]["mean"] - line["float32"]["spearman"]["mean"]) for line in lines)


def _peers(found: dict[str, Any]) -> str:
    names = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    parts = [
        "## Beside the peer libraries\n\nThe same model, samples, queries, absolute damping and batches of"
        f" {found['batch_size']}, in turn in one process on one thread ({names}). Cost is CPU time from the trained model to the scores, set-up"
        " included, in plain forward passes over the training samples; memory is the growth of the resident size. Differences are shares of our"
        " largest score; Spearman is the mean over queries.\n"
    ]
    slower, unlike = [], []
    for model, works in found["models"].items():
        about = works["about"]
        parts.append(f"### {model}\n\n{about['parameters']:,} parameters, {about['samples']:,} samples, {about['queries']} queries.\n")
        lines = []
        for kind, one in works.items():
            if kind == "about":
                continue
            lines.append([kind, "**ours**", f"{one['ours']['ratio']:.2f}", _mebibytes(one["ours"]), "", ""])
            for library, peer in one["peers"].items():
                if "left_out" in peer:
                    lines.append(["", library, "left out", "", "", peer["left_out"].replace("|", "/")])
                    continue
                close = peer["to_ours"]
                agrees = f"{close['max_relative']:.1e} / {close['spearman']:.3f}"
                lines.append(["", library, f"{peer['ratio']:.2f}", _mebibytes(peer), agrees, peer["convention"]])
                if peer["ratio"] < one["ours"]["ratio"]:
                    slower.append(f"{library} on {kind} with the {model} ({peer['ratio']:.1f} against {one['ours']['ratio']:.1f})")
                if close["spearman"] < 0.9:
                    unlike.append(f"{library} on {kind} with the {model} ({close['spearman']:.2f}: {peer['convention']})")
        parts.append(table(["work", "library", "forward passes", "memory", "difference / Spearman", "convention"], lines))
    close = found["conjugate gradients to the dense solve"]
    growth = dict(sorted(found["growth of all pairs on the MLP"].items(), key=lambda pair: int(pair[0][:-1])))
    parts.append(
        f"A peer is faster here: {'; '.join(slower) or 'nowhere'}. The order of samples differs (Spearman under 0.9) here, because another quantity is"
        f" computed: {'; '.join(unlike) or 'nowhere'}.\n\n"
        f"Conjugate gradients differ from the dense solve by {close['max_relative']:.1e} of the largest score (an MLP with 40"
        f" hidden units, float32). All pairs over {', '.join(growth)} the digits cost {', '.join(f'{value:.2f}' for value in growth.values())} times"
        " as much as over the digits at once.\n"
    )
    return "\n".join(parts)


def _mebibytes(line: dict[str, Any]) -> str:
    return "" if line["peak_extra_bytes"] is None else f"{line['peak_extra_bytes'] / 2**20:.0f} MiB"


def _startup(found: dict[str, Any]) -> str:
    lines = [["`datablame --help`, cold process", f"{found['help_s']['median']:.2f} s", f"{found['help_s']['max']:.2f} s"]]
    lines += [
        [f"first paint of {name.replace('_', ' ')}", f"{one['median']:.2f} s", f"{one['max']:.2f} s"]
        for name, one in found["first_paint_s"].items()
    ]
    return "## Waiting\n\nThe image sample in a warm server, Chromium, two cores.\n\n" + table(["what", "median", "largest"], lines)


def _million(found: dict[str, Any]) -> str:
    lines = [
        [name, f"{one['median']:.2f} s", f"{one['lowest']:.2f} to {one['highest']:.2f} s", f"{one['server_cpu']:.2f} s", str(one["times"])]
        for name, one in found["actions_s"].items()
    ]
    cpu = ", ".join(f"{name} {seconds:.0f}" for name, seconds in found["cpu_s"].items())
    counts = found["counts"]
    chosen = ", ".join(counts["selected by the lassos"].values())
    return (
        f"## A million samples in the app\n\n{found['n']:,} training samples of 64 numbers (and 2,000 each for validation and test), a model whose"
        f" representation has 64 dimensions, the PCA map; Chromium without a GPU on the same {found['cores']} cores as the server, with other work on"
        f" them ({found['load']:.1f} processes in the queue on average). The lassos took {chosen} samples. The first draw sends"
        f" {counts['bytes of the first draw'] / 1e6:.2f} MB to the browser, a recolour {counts['bytes of a recolour'] / 1e6:.2f} MB; the server peaks at"
        f" {found['server_peak_bytes'] / 1e9:.2f} GB.\n\n"
        + table(["what", "waited, median", "lowest to highest", "server's CPU", "times"], lines)
        + f"\nMaking the project, CPU seconds: {cpu}; peak {found['peak_bytes'] / 1e9:.2f} GB.\n"
    )


PAGES: dict[str, Callable[[], str]] = {"reference.md": reference, "benchmarks.md": benchmarks}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
        sys.stdout.write(f"wrote {DOCS / name}\n")
