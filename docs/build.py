"""Writes docs/reference.md from the code and docs/benchmarks.md from the checked-in results. Run: python docs/build.py"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
        "proof": _proof,
        "estimators": _estimators,
        "convex": _convex,
        "damping": _damping,
        "engine-cpu": _engine,
        "peers": _peers,
        "startup": _startup,
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
        f"## Planted errors in the digits\n\nAUROC, mean (smallest to largest) over {len(first['seeds'])} seeds: {about['n_train']:,} training digits,"
        f" {about['flipped']} of them with a uniformly drawn other label, {about['n_validation']} clean validation digits. `mlp-by-heart` is trained until"
        " it fits nearly every wrong label.\n"
    )

    def cell(setting: str, detector: str) -> str:
        area = found[setting]["detectors"][detector]["auroc"]
        return f"{area['mean']:.3f} ({area['min']:.3f} to {area['max']:.3f})"

    names = sorted(first["detectors"], key=lambda name: -sum(found[setting]["detectors"][name]["auroc"]["mean"] for setting in settings))
    lines = [[f"`{name}`" if name != "suspicion" else "**the queue**", *[cell(setting, name) for setting in settings]] for name in names]
    fit = ["training accuracy", *[f"{found[setting]['train_accuracy']:.3f}" for setting in settings]]
    return "\n".join([head, table(["detector", *settings], [*lines, fit])])


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


PAGES: dict[str, Callable[[], str]] = {"reference.md": reference, "benchmarks.md": benchmarks}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
        sys.stdout.write(f"wrote {DOCS / name}\n")
