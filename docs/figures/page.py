"""The page of measured figures: one part per checked-in file of results, in the page's order."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import (
    accelerator,
    architectures,
    cost,
    fairness,
    fidelity,
    leaks,
    networks,
    scale,
    unlearning,
    wrong_labels,
)
from figures.published import NEEDED, published

RESULTS = Path(__file__).resolve().parent.parent.parent / "benchmarks" / "results"
PARTS: dict[str, Callable[[Any], str]] = {
    "detectors": wrong_labels.detectors,
    "mislabels": wrong_labels.mislabels,
    "wrong_values": wrong_labels.wrong_values,
    "stop_rule": wrong_labels.stop_rule,
    "moons": wrong_labels.moons,
    "proof": wrong_labels.proof,
    "fairness": fairness.fairness,
    "estimators": fidelity.estimators,
    "leakage": fidelity.leakage,
    "convex": fidelity.convex,
    "lds": fidelity.lds,
    "damping": fidelity.damping,
    "gif-mlp": unlearning.gif,
    "gif-cnn": unlearning.gif,
    "engine-cpu": cost.engine,
    "architectures": architectures.architectures,
    "leaks": leaks.leaks,
    "neighbors": leaks.neighbors,
    "topk": scale.topk,
    "compression": scale.compression,
    "peers": cost.peers,
    "real_models": networks.real_models,
    "forecast": cost.forecast,
    "recorder": cost.recorder,
    "startup": cost.startup,
    "million": scale.million,
}


def benchmarks() -> str:
    """Every checked-in figure as a table."""
    parts = [
        "# Measured figures\n\nMade by `python docs/build.py` from `benchmarks/results/*.json`; each file is written "
        "by the script of the same name in `benchmarks/`. Machines differ and are noisy: compare ratios, not seconds.\n"
    ]
    parts.append(published({name: json.loads((RESULTS / f"{name}.json").read_text()) for name in NEEDED}))
    for name, page in PARTS.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            parts.append(page(json.loads(path.read_text())))
    on_gpu = [accelerator.gpu(json.loads(path.read_text())) for path in sorted(RESULTS.glob("gpu-*.json"))]
    parts += on_gpu or [accelerator.NONE]
    return "\n".join(parts)
