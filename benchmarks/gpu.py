"""What the engine, the estimators and the image sample cost on an accelerator, and how closely they agree with the CPU.

Run: bash benchmarks/gpu.sh (the CUDA tests, then this), or python benchmarks/gpu.py [--device cuda] [--small]
[--minutes 7] [--name NAME]. Needs torch, numpy, pandas, pyarrow, scipy, scikit-learn and safetensors, no network. Cost
is wall time, synchronised, in plain ``no_grad`` forward passes over the same samples in the same precision, each
measured right before the work; the median of three where there is time. Agreement is the largest deviation from the
CPU's float32 as a share of the largest score. A part that fails or for which no time is left says so in the results.
Writes benchmarks/results/gpu-NAME.json after every part, so that a run that is cut off is not lost.
"""

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gpu_models import LARGE, MODELS, moved
from peer_calls import CALLS
from peer_work import QUERIES, Work
from torch import Tensor

from attribution.estimators import estimators
from attribution.estimators.base import Query
from attribution.gradients.engine import GradientEngine
from attribution.models.devices import pick_device
from attribution.storage.files import write_json
from attribution.studies.meter import peak_bytes

RESULTS = Path(__file__).resolve().parent / "results"
ESTIMATORS = ("ekfac", "forward-inf")
COMPARED = 64  # training samples whose scores are held against the CPU's
PEERS = ("captum", "dattri", "kronfluence")  # beside torch.func; the others' calls here are pinned to the CPU
DAMPING = 1e-3  # absolute, of the peers' EK-FAC: it does not change the cost


class Clock:
    """The seconds that are left of the run's budget."""

    def __init__(self, minutes: float) -> None:
        self.until_s = time.monotonic() + 60 * minutes

    @property
    def left_s(self) -> float:
        return self.until_s - time.monotonic()


def synchronised(device: torch.device) -> None:
    if device.type != "cpu":
        getattr(torch, device.type).synchronize()


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Wall time of one call."""
    synchronised(device)
    began = time.perf_counter()
    work()
    synchronised(device)
    return time.perf_counter() - began


def peak(device: torch.device) -> int:
    """Most bytes held since the last reset on an accelerator; the largest resident size of the process on a CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak_bytes()


def measured(
    work: Callable[[], Any], forward: Callable[[], Any], device: torch.device, clock: Clock, repeats: int = 3
) -> dict[str, Any]:
    """The median cost of a work in forward passes, with its peak memory."""
    work()  # warm: kernels are chosen and plans are made
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    pairs = []
    for _ in range(repeats):
        pairs.append((seconds(forward, device), seconds(work, device)))
        if clock.left_s < 0 or pairs[-1][1] > 20:
            break
    plain, own = (statistics.median(times) for times in zip(*pairs, strict=True))
    return {
        "ratio": round(own / plain, 2),
        "forward_s": round(plain, 5),
        "seconds_s": round(own, 5),
        "peak_bytes": peak(device),
    }


@contextlib.contextmanager
def precision(name: str) -> Iterator[torch.dtype | None]:
    """float32, TF32 or bfloat16 inside; what was set before, after. Yields the type for autocast."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = name == "TF32"
    try:
        yield torch.bfloat16 if name == "bfloat16" else None
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def over(work: Work, ask: Callable[[Tensor, Tensor], Any]) -> Callable[[], list[Any]]:
    return lambda: [ask(x, y) for x, y in work.batches()]


def relative(found: Tensor, reference: Tensor) -> float:
    found, reference = found.detach().double().cpu(), reference.detach().double().cpu()
    return float((found - reference).abs().max() / reference.abs().max().clamp_min(1e-300))


def engine_figures(
    work: Work, on: Work, device: torch.device, clock: Clock, note: Callable[[str, str, Any], None]
) -> None:
    """Exact dot products, norms and projections in every precision."""
    exact = GradientEngine(work.model)
    part = (work.x[:COMPARED], work.y[:COMPARED])
    dots, norms = exact.dots_and_norms(*part, exact.queries(*work.asked))
    for name in ("float32", "TF32", "bfloat16") if device.type == "cuda" else ("float32",):
        if clock.left_s < 0:
            note(name, "left out", "no time was left")
            continue
        with precision(name) as autocast:
            engine = GradientEngine(on.model, autocast=autocast)
            queries, mean = engine.queries(*on.asked), engine.group_query(*on.asked)

            @torch.no_grad()
            def forward(x: Tensor, y: Tensor, autocast: torch.dtype | None = autocast) -> None:
                with torch.autocast(device.type, autocast or torch.bfloat16, enabled=autocast is not None):
                    on.model(x)

            works: dict[str, Callable[[Tensor, Tensor], Any]] = {
                "all pairs": lambda x, y, engine=engine, queries=queries: engine.dots(x, y, queries),
                "self-influence": lambda x, y, engine=engine: engine.norms(x, y),
                "one direction": lambda x, y, engine=engine, mean=mean: engine.along(x, y, mean),
                "projection to 256": lambda x, y, engine=engine: engine.project(x, y, 256),
            }
            for kind, ask in works.items():
                note(name, kind, attempt(lambda ask=ask: measured(over(on, ask), over(on, forward), device, clock)))
            found = engine.dots_and_norms(on.x[:COMPARED], on.y[:COMPARED], queries)
            note(name, "to the CPU", {"dots": relative(found[0], dots), "norms": relative(found[1], norms)})


def compiled_figures(on: Work, device: torch.device, clock: Clock) -> dict[str, Any]:
    """What compiling the model's forward pass brings; forward passes are all that Forward-INF does over the training
    set."""
    model = torch.compile(on.copy())

    @torch.no_grad()
    def asked(x: Tensor, y: Tensor) -> None:
        model(x)

    @torch.no_grad()
    def plain(x: Tensor, y: Tensor) -> None:
        on.model(x)

    first = seconds(over(on, asked), device)
    return {"first_s": round(first, 2), **measured(over(on, asked), over(on, plain), device, clock)}


def peer_figures(on: Work, device: torch.device, clock: Clock) -> dict[str, Any]:
    """All pairs, self-influence and EK-FAC by the general way of torch, and by the libraries that are installed."""
    found: dict[str, Any] = {}
    engine = GradientEngine(on.model)
    queries = engine.queries(*on.asked)
    ours = torch.cat(over(on, lambda x, y: engine.dots(x, y, queries))())
    for kind in ("all pairs", "self-influence", "EK-FAC"):
        for library, call in CALLS[kind].items():
            if library != "torch.func" and library not in PEERS:
                continue
            if why := left_out(library, on, clock):
                found[f"{kind}, {library}"] = {"left_out": why}
                continue

            def run(call: Any = call, kind: str = kind) -> dict[str, Any]:
                found: list[Tensor] = []
                line = measured(lambda: found.append(call(on, DAMPING)), on.forward, device, clock, 1)
                return line | ({"to_ours": relative(found[-1], ours)} if kind == "all pairs" else {})

            found[f"{kind}, {library}"] = attempt(run)
    return found


def left_out(library: str, work: Work, clock: Clock) -> str:
    """Why a peer is not asked; "" where it is."""
    if library in PEERS and importlib.util.find_spec(library) is None:
        return "not installed"
    if library == "dattri" and work.parameters > LARGE:
        return "it takes minutes on a network of this size"
    return "" if clock.left_s > 0 else "no time was left"


def scored(work: Work, device: str, name: str, rows: np.ndarray, queries: int) -> Tensor:
    """One estimator from a fresh start."""
    estimator = estimators.get(name)(work.trained(device))
    estimator.prepare([Query(str(row), (row,)) for row in range(work.n, work.n + queries)])
    return torch.cat(
        [estimator.score(rows[start : start + work.batch]).influence for start in range(0, len(rows), work.batch)]
    )


def estimator_figures(work: Work, on: Work, device: torch.device, clock: Clock, small: bool) -> dict[str, Any]:
    """EK-FAC and Forward-INF: fit, queries and scores, and their agreement with the CPU on a model of the same weights
    and fewer samples."""
    found: dict[str, Any] = {}
    queries = 4 if small else QUERIES
    few = Work(work.name, work.model, work.checkpoints, work.x[:256], work.y[:256], work.asked)
    for name in ESTIMATORS:
        if clock.left_s < 0:
            found[name] = {"left_out": "no time was left"}
            continue

        def run(name: str = name) -> dict[str, Any]:
            asked = queries if name == "ekfac" else 20 if not small else 2
            line = measured(lambda: scored(on, str(device), name, np.arange(on.n), asked), on.forward, device, clock, 1)
            if work.parameters > LARGE:
                return {"queries": asked, **line}
            rows = np.arange(few.n)
            close = relative(scored(moved(few, device), str(device), name, rows, 4), scored(few, "cpu", name, rows, 4))
            return {"queries": asked, **line, "to the CPU": close}

        found[name] = attempt(run)
    return found


def sample_figures(device: torch.device, clock: Clock, small: bool) -> dict[str, Any]:
    """Training and scoring of the image sample as a user has it: seconds, test accuracy and agreement with the CPU."""
    from attribution import Project
    from attribution.training.train import train

    with tempfile.TemporaryDirectory() as folder:
        place, devices = Path(folder), list(dict.fromkeys([str(device), "cpu"]))
        project = Project.sample("moons" if small else "fashion", place / "sample")
        recipe, runs, training_s = project.train_config, {}, {}
        for name in devices:
            # Enough on the CPU to know its pace.
            epochs = recipe.epochs if name == str(device) else min(recipe.epochs, 2)
            here = replace(recipe, device=name, seed=7, epochs=epochs)

            def fit(name: str = name, here: Any = here) -> None:
                runs[name] = train(project.dataset, project.labels, project.model_config, here, place / f"runs {name}")

            training_s[name] = round(seconds(fit, device) / epochs, 3)
        run = runs[str(device)]
        frame = run.metrics()
        last = frame[(frame["epoch"] == frame["epoch"].max()) & (frame["split"] == "test")]
        found: dict[str, Any] = {"epochs": recipe.epochs, "seconds_an_epoch": training_s}
        found["test_accuracy"] = round(float(last["accuracy"].iloc[0]), 4)
        for name in ("ip", "ekfac"):
            found[name] = _sample_scores(project, run, name, devices, place, clock)
    return found


def _sample_scores(
    project: Any, run: Any, estimator: str, devices: list[str], place: Path, clock: Clock
) -> dict[str, Any]:
    """One estimator on the sample's first 100 test samples on each device, and how far the devices agree."""
    from attribution import ScoreConfig
    from attribution.studies.base import Context
    from attribution.studies.influence.study import Influence

    rows, found, scores = project.dataset.rows("test")[:100], {}, []
    for name in devices:
        if clock.left_s < 0:
            return {**found, "left_out": f"no time was left for {name}"}

        def ask(name: str = name) -> None:
            config = ScoreConfig(estimator=estimator, device=name)
            folder = place / f"scores {name}"
            asked = Context(folder, project.dataset, project.labels, run, rows=lambda words, run: rows)
            scores.append(Influence().make(asked, config).matrix()[1])

        found[f"{name}, s"] = round(seconds(ask, torch.device(devices[0])), 3)
    return (
        found
        if len(scores) < 2
        else {**found, "to the CPU": relative(torch.from_numpy(scores[0]), torch.from_numpy(scores[1]))}
    )


def attempt(work: Callable[[], Any]) -> Any:
    """The work's figures, or why there are none: one part's failure must not cost the others on a machine that is lent
    for minutes."""
    try:
        return work()
    except Exception as error:
        return {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:300]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument(
        "--small", action="store_true", help="few samples and small models: the same code in seconds on a CPU"
    )
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--name", default="", help="names the file of results; empty: the device's own name")
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    device, clock = pick_device(arguments.device), Clock(arguments.minutes)
    title = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    name = arguments.name or re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
    result: dict[str, Any] = {
        "device": title,
        "torch": torch.__version__,
        "numpy": importlib.metadata.version("numpy"),
        "queries": QUERIES,
        "small": arguments.small,
        "models": {},
    }
    path = arguments.out / f"gpu-{name}.json"
    result["image sample"] = attempt(lambda: sample_figures(device, clock, arguments.small))
    write_json(path, result)
    sys.stdout.write(f"image sample: {json.dumps(result['image sample'])}\n")
    for model, make in MODELS.items():
        one: dict[str, Any] = {}
        result["models"][model] = one
        made = attempt(lambda make=make: make(arguments.small))
        if not isinstance(made, Work):
            one["failed"] = made
            continue
        on = moved(made, device)
        one["about"] = {"parameters": made.parameters, "samples": made.n, "batch_size": on.batch}

        def note(mode: str, kind: str, value: Any, one: dict[str, Any] = one) -> None:
            one.setdefault("engine", {}).setdefault(mode, {})[kind] = value

        failed = attempt(lambda made=made, on=on, note=note: engine_figures(made, on, device, clock, note))
        one |= {"engine_failed": failed} if failed else {}
        if clock.left_s > 0 and device.type == "cuda":
            one["compiled"] = attempt(lambda on=on: compiled_figures(on, device, clock))
        one["peers"] = attempt(lambda on=on: peer_figures(on, device, clock))
        one["estimators"] = attempt(
            lambda made=made, on=on: estimator_figures(made, on, device, clock, arguments.small)
        )
        write_json(path, result)
        sys.stdout.write(f"{model}: {json.dumps(one)}\n")
        if device.type == "cuda":
            torch.cuda.empty_cache()
    result["seconds_s"] = round(60 * arguments.minutes - clock.left_s, 1)
    write_json(path, result)
    sys.stdout.write(f"wrote {path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
