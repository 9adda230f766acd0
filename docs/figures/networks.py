"""Networks that people bring beside the peer libraries, from benchmarks/results/real_models.json."""

from typing import Any

from figures.table import table

_WORKS = ("all pairs", "self-influence", "EK-FAC")


def real_models(found: dict[str, Any]) -> str:
    lines = []
    for model, works in found["models"].items():
        for kind in (kind for kind in _WORKS if kind in works):
            own = works[kind]
            lines.append([model, kind, "ours", *_cells(own["ours"])])
            lines += [[model, kind, library, *_cells(line)] for library, line in own["peers"].items()]
    first = next(iter(found["models"].values()))["about"]
    return (
        f"## Networks that people bring\n\nA ResNet-18 of torchvision (64 x 64), a ViT-tiny of timm (64 x 64) and a "
        f"BERT of transformers (4 layers of 128, 48 tokens), random weights, {first['samples']} samples and "
        f"{first['queries']} queries, one thread, measured on a busy machine: processor time over that of a plain "
        "forward pass of the same samples in the same process. Where a library covers other weights (batch norms, "
        "class tokens, embeddings), its scores differ by as much.\n\n"
        + table(["network", "work", "", "forward passes", "peak memory", "largest difference"], lines)
    )


def _cells(line: dict[str, Any]) -> list[str]:
    if "left_out" in line:
        return [f"left out: {line['left_out']}", "", ""]
    close = f"{line['to_ours']['max_relative']:.0e} ({line['covers']})" if "to_ours" in line else ""
    return [f"{line['ratio']:.1f}", f"{(line['peak_extra_bytes'] or 0) / 2**20:,.0f} MiB", close]
