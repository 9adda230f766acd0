"""What the engine costs in forward passes, alone and beside the peer libraries, how well costs are forecast, and the
waits in the app."""

from typing import Any

from figures.table import table


def engine(found: dict[str, Any]) -> str:
    setting = found["setting"]
    lines = [
        [name, f"{figure['ratio']:.2f}", f"{figure['ratio_lowest']:.2f} to {figure['ratio_highest']:.2f}"]
        for name, figure in found["figures"].items()
    ]
    deviation = found["relative_deviation_from_autograd_float64"]
    return (
        f"## The gradient engine\n\n{setting['images']:,} images against {setting['queries']} queries on the small CNN "
        f"({setting['parameters']:,} parameters), batches of {setting['batch_size']}, {found['threads']} thread, torch "
        f"{found['torch']}: cost in plain forward passes over the same images, median of {setting['repeats']}.\n\n"
        + table(["work", "forward passes", "lowest to highest"], lines)
        + f"\nFloat32 against autograd one sample at a time in float64: {deviation['dots']:.1e} relative for dot "
        f"products, {deviation['norms']:.1e} for norms."
        " The per-sample gradients of the training set would take "
        f"{found['per_sample_gradient_matrix_bytes'] / 1e9:.1f} "
        "GB; they are never held.\n"
    )


def peers(found: dict[str, Any]) -> str:
    names = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    parts = [
        "## Beside the peer libraries\n\nThe same model, samples, queries, absolute damping and batches of "
        f"{found['batch_size']}, in turn in one process on one thread ({names}). Cost is CPU time from the trained "
        "model to the scores, set-up included, in plain forward passes over the training samples; memory is the growth "
        "of the resident size. Differences are shares of our largest score; Spearman is the mean over queries. Where "
        "one vector after the other is multiplied by the curvature (Arnoldi), ours takes more samples of a small model "
        "together than a batch.\n"
    ]
    slower, unlike = [], []
    for model, works in found["models"].items():
        about = works["about"]
        parts.append(
            f"### {model}\n\n{about['parameters']:,} parameters, {about['samples']:,} samples, {about['queries']} "
            "queries.\n"
        )
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
                    slower.append(
                        f"{library} on {kind} with the {model} ({peer['ratio']:.1f} against {one['ours']['ratio']:.1f})"
                    )
                if close["spearman"] < 0.9:
                    unlike.append(
                        f"{library} on {kind} with the {model} ({close['spearman']:.2f}: {peer['convention']})"
                    )
        parts.append(
            table(["work", "library", "forward passes", "memory", "difference / Spearman", "convention"], lines)
        )
    close = found["conjugate gradients to the dense solve"]
    growth = dict(sorted(found["growth of all pairs on the MLP"].items(), key=lambda pair: int(pair[0][:-1])))
    parts.append(
        f"A peer is faster here: {'; '.join(slower) or 'nowhere'}. The order of samples differs (Spearman under 0.9) "
        f"here, because another quantity is computed: {'; '.join(unlike) or 'nowhere'}.\n\nConjugate gradients differ "
        f"from the dense solve by {close['max_relative']:.1e} of the largest score (an MLP with 40 hidden units, "
        f"float32). All pairs over {', '.join(growth)} the digits cost "
        f"{', '.join(f'{value:.2f}' for value in growth.values())} times as much as over the digits at once.\n"
    )
    return "\n".join(parts)


def _mebibytes(line: dict[str, Any]) -> str:
    return "" if line["peak_extra_bytes"] is None else f"{line['peak_extra_bytes'] / 2**20:.0f} MiB"


def forecast(found: dict[str, Any]) -> str:
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
        "## Forecasts of time and memory\n\nReal runs, each forecast from its pilot first, in a fresh process on one "
        f"thread of a machine with {found['cores']} cores, where the processor gave a pilot "
        f"{100 * min(line['processor'] for line in found['lines']):.0f} to "
        f"{100 * max(line['processor'] for line in found['lines']):.0f} % of a core: hence the ratio of forecast to "
        f"truth twice, in wall seconds and in CPU seconds.\n\nWithin a factor of {found['factor']:g}: "
        f"{found['within_cpu']} of {runs} in CPU seconds, {found['within']} of {runs} in wall seconds, "
        f"{found['within_memory']} of {runs} in peak memory; {found['in_range']} of {runs} wall times within the range "
        "stated.\n\n"
        + table(
            [
                "sample",
                "work",
                "training samples",
                "queries",
                "forecast",
                "truth",
                "wall ratio",
                "CPU ratio",
                "memory ratio",
            ],
            lines,
        )
    )


def startup(found: dict[str, Any]) -> str:
    lines = [
        ["`datablame --help`, cold process", f"{found['help_s']['median']:.2f} s", f"{found['help_s']['max']:.2f} s"]
    ]
    lines += [
        [f"first paint of {name.replace('_', ' ')}", f"{one['median']:.2f} s", f"{one['max']:.2f} s"]
        for name, one in found["first_paint_s"].items()
    ]
    return "## Waiting\n\nThe image sample in a warm server, Chromium, two cores.\n\n" + table(
        ["what", "median", "largest"], lines
    )


def recorder(found: dict[str, Any]) -> str:
    names = {
        "recording": "`rec.log` and `rec.epoch()`, of the loop",
        "recording beside a pass": "`rec.log` and `rec.epoch(evaluate=...)` beyond its pass, of a loop that makes that "
        "pass itself",
        "recording and a pass": "the same with its pass in eval mode over the training set, of the loop",
    }
    lines = [[words, f"{100 * found['overhead'][name]:.1f} %"] for name, words in names.items()]
    return (
        f"## Recording a loop\n\nA convolutional network on {found['n']:,} pictures of 28 x 28, {found['epochs']} "
        "epochs, one thread: processor time, median.\n\n" + table(["what is added", "share"], lines)
    )
