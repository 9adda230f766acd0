"""Networks that people bring, beside the peer libraries on the same work: torchvision's ResNet-18 (batch norms), a ViT
of timm and a BERT-like encoder of transformers.

Run: python benchmarks/real_models.py [--models ...] [--works ...] in an environment with torchvision, timm,
transformers and those of captum, dattri and kronfluence that are to be compared (a missing one is left out with a
note). Random weights, 128 random samples and 50 queries (EK-FAC: 10), one thread. Costs are CPU seconds over a plain
forward pass of the same samples in the same process, peak memory is that of ``peers.py``; agreement is that of the
scores with ours. Writes benchmarks/results/real_models.json after each work. Exits with status 1 where a dot product of
a library that covers the same weights differs by more than 1e-4 of the largest.
"""

import argparse
import dataclasses
import json
import logging
import os
import platform
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import peers
import torch
from peer_calls import CALLS, CONVENTIONS
from peer_work import Work
from peers import agreement, linear_only, measured, versions
from torch import Tensor, nn

from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.gradients.engine import GradientEngine
from attribution.storage.files import write_json

OUT = Path(__file__).resolve().parent / "results" / "real_models.json"
SAMPLES, QUERIES, FEW = 128, 50, 10
KINDS = ("all pairs", "self-influence", "EK-FAC")
LIBRARIES = ("torch.func", "captum", "kronfluence", "dattri")


class Encoder(nn.Module):
    """Logits of a text classifier of transformers for token ids ``(b, t)``."""

    def __init__(self) -> None:
        super().__init__()
        from transformers import BertConfig, BertForSequenceClassification

        sizes = {"hidden_size": 128, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 512}
        self.bert = BertForSequenceClassification(BertConfig(vocab_size=3000, num_labels=4, **sizes))

    def forward(self, ids: Tensor) -> Tensor:
        return self.bert(ids).logits


def residual() -> tuple[nn.Module, Tensor]:
    import torchvision

    return torchvision.models.resnet18(num_classes=10), torch.randn(SAMPLES + QUERIES, 3, 64, 64)


def vision_transformer() -> tuple[nn.Module, Tensor]:
    import timm

    model = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=10)
    return model, torch.randn(SAMPLES + QUERIES, 3, 64, 64)


def encoder() -> tuple[nn.Module, Tensor]:
    return Encoder(), torch.randint(1, 3000, (SAMPLES + QUERIES, 48))


MODELS: dict[str, Callable[[], tuple[nn.Module, Tensor]]] = {
    "ResNet-18": residual,
    "ViT-tiny": vision_transformer,
    "BERT, 4 layers of 128": encoder,
}


def made(name: str) -> Work:
    """The network with random weights, and samples of its kind."""
    torch.manual_seed(0)
    model, x = MODELS[name]()
    y = torch.randint(0, 4, (len(x),))
    state = {key: value.clone() for key, value in model.state_dict().items()}
    return Work(name, model.eval(), [state], x[:SAMPLES], y[:SAMPLES], (x[SAMPLES:], y[SAMPLES:]), SAMPLES)


def kronecker(work: Work, damping: float) -> Tensor:
    """Our EK-FAC from a fresh start, asked about the first ten queries."""
    estimator = estimators.get("ekfac")(work.trained())
    estimator.prepare([Query(str(row), (row,)) for row in range(work.n, work.n + len(work.asked[1]))])
    found: Tensor = estimator.score(torch.arange(work.n).numpy()).influence
    return found


def closed(work: Work) -> dict[str, float]:
    """Share of the weights that do not take the general way, by parameters."""
    routes = GradientEngine(work.model).plan(work.x[:3], work.y[:3]).routes
    sizes = {name: parameter.numel() for name, parameter in work.model.named_parameters()}
    exact = sum(sizes[route.parameter] for route in routes if route.path not in ("vmap", "loop"))
    return {"parameters": work.parameters, "closed_share": round(exact / sum(sizes[r.parameter] for r in routes), 4)}


def compare(work: Work, kind: str, libraries: Sequence[str]) -> dict[str, Any]:
    """One kind of work: ours, then each peer in turn."""
    if kind == "EK-FAC":
        work = dataclasses.replace(work, asked=(work.asked[0][:FEW], work.asked[1][:FEW]))
    damping = 1e-3 if kind == "EK-FAC" else 0.0
    own = kronecker if kind == "EK-FAC" else peers.OURS[kind]
    ours, line = measured(work, lambda: own(work, damping))
    result: dict[str, Any] = {"ours": line, "peers": {}}
    say(work, kind, "ours", line)
    for library in (name for name in libraries if name in CALLS[kind]):
        result["peers"][library] = line = attempt(work, kind, library, damping, ours)
        say(work, kind, library, line)
    return result


def attempt(work: Work, kind: str, library: str, damping: float, ours: Tensor) -> dict[str, Any]:
    """A peer's cost and agreement, or why there is none."""
    try:
        found, line = measured(work, lambda: CALLS[kind][library](work, damping))
    except ImportError as error:
        return {"left_out": f"not installed ({error.name})"}
    except Exception as error:  # another library's failure is a finding, not a reason to stop
        return {"left_out": f"{type(error).__name__}: {str(error).splitlines()[0][:160]}"}
    linear = "linear layers only" in CONVENTIONS[kind, library] and work.name != "ResNet-18"
    part = "linear layers only" if linear else "convolutions and linear layers" if library != "torch.func" else "all"
    if kind == "EK-FAC":  # another damping and one drawn label: what is compared is the cost
        return line | {"covers": part}
    reference = linear_only(work, kind, damping) if linear else ours
    return line | {"covers": part, "to_ours": agreement(found, reference)}


def say(work: Work, kind: str, who: str, line: dict[str, Any]) -> None:
    text = line.get("left_out") or f"{line['ratio']:9.2f} forward passes, {(line['peak_extra_bytes'] or 0) >> 20:6} MiB"
    close = f", max rel {line['to_ours']['max_relative']:.1e}" if "to_ours" in line else ""
    sys.stdout.write(f"{work.name:22} {kind:16} {who:12} {text}{close}\n")
    sys.stdout.flush()


def failures(result: dict[str, Any]) -> list[str]:
    """What covers the same weights and says something else."""
    return [
        f"{model}, {kind}: {library} differs by {line['to_ours']['max_relative']:.1e}"
        for model, works in result["models"].items()
        for kind, found in works.items()
        if kind in KINDS
        for library, line in found["peers"].items()
        if library == "torch.func" and line.get("to_ours", {}).get("max_relative", 0.0) > 1e-4
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--works", nargs="+", default=list(KINDS))
    parser.add_argument("--libraries", nargs="*", default=list(LIBRARIES))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(1)
    result = json.loads(arguments.out.read_text()) if arguments.out.exists() else {"models": {}}
    for name in arguments.models:
        work = made(name)
        work.forward()
        lines = result["models"].setdefault(name, {})
        lines["about"] = {**closed(work), "samples": work.n, "queries": QUERIES, "queries_ekfac": FEW}
        for kind in arguments.works:
            lines[kind] = compare(work, kind, arguments.libraries)
            result["versions"] = versions()
            result["machine"] = f"{platform.processor() or platform.machine()}, one thread"
            write_json(arguments.out, result)
    wrong = failures(result)
    sys.stdout.write("".join(f"FAILS: {line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
