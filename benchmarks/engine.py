"""What exact influence costs: 6,000 images against 100 queries on the default CNN, in plain forward passes over the
6,000.

Run: python benchmarks/engine.py [--device auto|cpu|cuda|mps] [--threads 1] [--repeats 5]. Every engine run has a plain
``no_grad`` forward pass beside it in the same process with the same batches, so other load on the machine hits both;
the ratio is that of the medians. Writes benchmarks/results/engine-DEVICE.json. Exits with status 1 if the dot product
costs more than 12 forward passes.
"""

import argparse
import json
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from attribution.datasets.dataset import DatasetInfo
from attribution.gradients.engine import GradientEngine
from attribution.models.build import build_model
from attribution.models.devices import pick_device
from attribution.settings.configs import ModelConfig
from attribution.tasks.classification import per_sample_loss

IMAGES, QUERIES, BATCH, LIMIT = 6_000, 100, 128, 12.0
RESULTS = Path(__file__).resolve().parent / "results"


def default_cnn() -> nn.Module:
    """The built-in CNN for 28 x 28 grey images of ten classes."""
    classes = tuple(str(label) for label in range(10))
    info = DatasetInfo("benchmark", "image", classes, (1, 28, 28), {}, "", "", (), {})
    return build_model(ModelConfig(name="cnn"), info, 0, trusted=False).eval()


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work()
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()
    return time.perf_counter() - began


def peak_bytes(device: torch.device) -> int:
    """Most memory held so far: allocated on a GPU, resident on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def deviation(model: nn.Module, engine: GradientEngine, x: Tensor, y: Tensor) -> dict[str, float]:
    """Largest deviation of dots and norms from autograd one sample at a time in float64, relative to the largest
    value."""
    exact = default_cnn().double()
    exact.load_state_dict({name: value.double().cpu() for name, value in model.state_dict().items()})
    rows = []
    for index in range(len(x)):
        loss = per_sample_loss(exact(x[index : index + 1].double().cpu()), y[index : index + 1].cpu())[0]
        rows.append(torch.cat([gradient.flatten() for gradient in torch.autograd.grad(loss, list(exact.parameters()))]))
    gradients = torch.stack(rows)
    dots, norms = engine.dots_and_norms(x, y, engine.queries(x, y))
    expected, lengths = gradients @ gradients.T, gradients.norm(dim=1)
    return {
        "dots": float((dots.double().cpu() - expected).abs().max() / expected.abs().max()),
        "norms": float(((norms.double().cpu() - lengths) / lengths).abs().max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    device = pick_device(arguments.device)
    model = default_cnn().to(device)
    x, y = torch.randn(IMAGES, 1, 28, 28, device=device), torch.randint(0, 10, (IMAGES,), device=device)

    def over_batches(work: Callable[[Tensor, Tensor], object]) -> Callable[[], None]:
        return lambda: (
            [work(x[start : start + BATCH], y[start : start + BATCH]) for start in range(0, IMAGES, BATCH)] and None
        )

    @torch.no_grad()
    def forward_pass(images: Tensor, labels: Tensor) -> Tensor:
        return model(images)

    forward = over_batches(forward_pass)
    seconds(forward, device)
    # Everything beyond this is the engine's: queries, activations kept for the backward pass, temporaries.
    before = peak_bytes(device)
    engine = GradientEngine(model)
    queries = engine.queries(x[:QUERIES].flip(3), y[:QUERIES])
    mean = engine.group_query(x[:QUERIES], y[:QUERIES])
    works = {
        f"dots, {QUERIES} queries": over_batches(lambda a, b: engine.dots(a, b, queries)),
        f"dots and norms, {QUERIES} queries": over_batches(lambda a, b: engine.dots_and_norms(a, b, queries)),
        "self-influence": over_batches(lambda a, b: engine.norms(a, b)),
        "one direction": over_batches(lambda a, b: engine.dots(a, b, mean)),
        "projection to 256": over_batches(lambda a, b: engine.project(a, b, 256)),
    }
    figures: dict[str, dict[str, float]] = {}
    for name, work in works.items():
        work()  # warm
        extra = peak_bytes(device) - before
        pairs = [(seconds(forward, device), seconds(work, device)) for _ in range(arguments.repeats)]
        plain, own = (statistics.median(times) for times in zip(*pairs, strict=True))
        figures[name] = {
            "ratio": round(own / plain, 2),
            "ratio_lowest": round(min(b / a for a, b in pairs), 2),
            "ratio_highest": round(max(b / a for a, b in pairs), 2),
            "forward_s": round(plain, 4),
            "seconds_s": round(own, 4),
            "peak_extra_bytes_so_far": extra,
        }
        print(
            f"{name:32} {own / plain:5.2f} forward passes  ({plain:.3f} s each; {extra / 2**20:.0f} MiB extra)",
            flush=True,
        )
    parameters = sum(parameter.numel() for parameter in model.parameters())
    result = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else platform.processor() or platform.machine(),
        "threads": arguments.threads,
        "setting": {
            "images": IMAGES,
            "queries": QUERIES,
            "batch_size": BATCH,
            "parameters": parameters,
            "repeats": arguments.repeats,
        },
        "per_sample_gradient_matrix_bytes": IMAGES * parameters * 4,
        "figures": figures,
        "relative_deviation_from_autograd_float64": deviation(model, engine, x[:8], y[:8]),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"engine-{device.type}.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result["relative_deviation_from_autograd_float64"]))
    sys.exit(figures[f"dots, {QUERIES} queries"]["ratio"] > LIMIT)


if __name__ == "__main__":
    main()
