"""Which architectures have exact gradients, and by which way, from benchmarks/results/architectures.json."""

from typing import Any

from figures.table import table

_WAYS = ("closed form", "at use", "vmap", "loop")


def architectures(found: list[dict[str, Any]]) -> str:
    lines = []
    for each in found:
        ways = [f"{100 * each['shares'].get(way, 0):.2f} %" if each["shares"].get(way) else "" for way in _WAYS]
        about = [each["architecture"], f"`{each['builder']}`", f"{each['weights'] / 1e6:.1f} M", f"{each['error']:.0e}"]
        lines.append([*about, *ways])
    return (
        f"## Architectures of torchvision and timm\n\n{len(found)} architectures, one small network each with random "
        "weights: dots of the gradients of three pictures against one-sample autograd in float64, and the shares of "
        "the weights whose gradients are had by the closed form of their layer, where they meet the batch, or by the "
        "slow ways. `tests/practitioners/test_architectures.py` holds them there.\n\n"
        + table(["architecture", "builder", "weights", "largest error / largest dot", *_WAYS], lines)
    )
