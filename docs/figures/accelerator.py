"""What the engine and the estimators cost on a GPU, from benchmarks/results/gpu-NAME.json."""

from typing import Any

from figures.table import table

NONE = (
    "## On a GPU\n\nNo figure here was made on a GPU yet. `bash benchmarks/gpu.sh` makes them in under eight minutes "
    "on a machine that has one (its parts are tested on the CPU, small); this section is then written from its "
    "results.\n"
)


def gpu(found: dict[str, Any]) -> str:
    lines, others = [], []
    for model, one in found["models"].items():
        about = (
            f"{model}, {one['about']['parameters']:,} parameters, {one['about']['samples']:,} samples"
            if "about" in one
            else model
        )
        for mode, works in one.get("engine", {}).items():
            ratios = [
                _ratio(works.get(kind))
                for kind in ("all pairs", "self-influence", "one direction", "projection to 256")
            ]
            close = works.get("to the CPU", {})
            lines.append([about, mode, *ratios, f"{close['dots']:.1e}" if close else ""])
            about = ""
        for name, line in {
            **one.get("estimators", {}),
            **one.get("peers", {}),
            "compiled forward pass": one.get("compiled"),
        }.items():
            if line:
                close = line.get("to the CPU", line.get("to_ours"))
                others.append(
                    [
                        model,
                        name,
                        _seconds(line),
                        _ratio(line),
                        _gigabytes(line),
                        "" if close is None else f"{close:.1e}",
                    ]
                )
    return (
        f"## On a GPU: {found['device']}, batches of {_batches(found)}\n\n{_remark(found)}"
        "Wall time in plain forward passes of the same model over the same samples "
        f"in the same precision, {found['queries']} queries, torch {found['torch']}; "
        "the last column is the largest deviation from float32 on the CPU as a share of the largest score.\n\n"
        + table(
            ["model", "precision", "all pairs", "self-influence", "one direction", "projection", "to the CPU"], lines
        )
        + "\n"
        + table(["model", "work", "seconds", "forward passes", "peak memory", "to the CPU, or to ours"], others)
        + "\n"
        + _sample(found.get("image sample", {}))
    )


def _ratio(line: Any) -> str:
    if not line:
        return ""
    return (
        f"{line['ratio']:.2f}" if "ratio" in line else str(line.get("failed") or line.get("left_out")).replace("|", "/")
    )


def _seconds(line: dict[str, Any]) -> str:
    return f"{line['seconds_s']:.2f}" if "seconds_s" in line else ""


def _remark(found: dict[str, Any]) -> str:
    """What code gave the figures, where the file says it."""
    return f"Measured {found['about']}. " if "about" in found else ""


def _gigabytes(line: dict[str, Any]) -> str:
    return f"{line['peak_bytes'] / 1e9:.1f} GB" if "peak_bytes" in line else ""


def _sample(found: dict[str, Any]) -> str:
    if "test_accuracy" not in found:
        return f"The image sample: {found.get('failed', 'not run')}.\n"
    epochs = ", ".join(f"{name} {value:.2f} s" for name, value in found["seconds_an_epoch"].items())
    scores = "; ".join(
        f"{name}: {', '.join(f'{key} {value:.3g}' for key, value in found[name].items())}" for name in ("ip", "ekfac")
    )
    return (
        f"The image sample: an epoch of training takes {epochs}; test accuracy {100 * found['test_accuracy']:.1f} %. "
        f"100 queries, {scores}.\n"
    )


def _batches(found: dict[str, Any]) -> str:
    """Sizes of the batches, "1,024 (ResNet-18: 256)"."""
    sizes = {name: one["about"]["batch_size"] for name, one in found["models"].items() if "about" in one}
    most = max(sizes.values())
    others = [f"{name}: {size:,}" for name, size in sizes.items() if size != most]
    return f"{most:,}" + (f" ({', '.join(others)})" if others else "")
