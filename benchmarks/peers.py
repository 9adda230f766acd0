"""The same work done by the peer libraries and by ours, in turn in one process on one thread: agreement, cost and peak
memory.

Run: bash benchmarks/peers-env.sh makes an environment with all of them (pyDVL wants a numpy of its own), then
.venv-peers/bin/python benchmarks/peers.py [--models MLP CNN transformer] [--works "all pairs" ...]. A peer that is not
installed is left out with a note. Writes benchmarks/results/peers.json, merged with what it holds of other models and
works.

Cost is CPU time (all of it: set-up, queries, fit, scores) over that of a plain ``no_grad`` forward pass over the same
training samples in batches of 128, measured right before each run; the median of five runs where one takes under 4
seconds, of two under 10, one run else. Peak memory is the growth of the largest resident size during one more run
(Linux), after free heap was handed back to the system. Exits with status 1 if a dot product or TracIn of captum differs
by more than 1e-6 of the largest score, conjugate gradients by more than 1e-4 from the dense solve, or EK-FAC has a
Spearman correlation under 0.95 with kronfluence's at 40 draws.
"""

import argparse
import ctypes
import importlib.metadata
import json
import logging
import os
import platform
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peer_calls import CALLS, CONVENTIONS, MODELS, RANK, SKETCH
from peer_work import BATCH, QUERIES, WORKS, Work, mlp
from torch import Tensor
from torch.nn import functional as F

from attribution.estimators import estimators
from attribution.estimators._preconditioned import curvature_of, usual_ratio
from attribution.estimators.base import Query
from attribution.estimators.knn_shapley import shapley_values
from attribution.gradients.curvature import datainf
from attribution.gradients.engine import GradientEngine
from attribution.storage.files import write_json

OUT = Path(__file__).resolve().parent / "results" / "peers.json"
LIBRARIES = {"captum": "captum", "kronfluence": "kronfluence", "dattri": "dattri", "pyDVL": "pyDVL", "traker": "traker"}


def ours_by_estimator(name: str, **settings: Any) -> Callable[[Work, float], Tensor]:
    """One of our estimators from a fresh start: nothing is kept from one run to the next."""

    def score(work: Work, damping: float) -> Tensor:
        estimator = estimators.get(name)(work.trained()).adjusted(**settings)
        estimator.prepare([Query(str(row), (row,)) for row in range(work.n, work.n + QUERIES)])
        rows = np.arange(work.n)
        return torch.cat([estimator.score(rows[start : start + BATCH]).influence for start in range(0, work.n, BATCH)])

    return score


def all_pairs(work: Work, damping: float) -> Tensor:
    engine = GradientEngine(work.model)
    queries = engine.queries(*work.asked)
    return torch.cat([engine.dots(x, y, queries) for x, y in work.batches()])


def self_influence(work: Work, damping: float) -> Tensor:
    engine = GradientEngine(work.model)
    return torch.cat([engine.norms(x, y).square() for x, y in work.batches()])


def one_direction(work: Work, damping: float) -> Tensor:
    engine = GradientEngine(work.model)
    mean = engine.group_query(*work.asked)
    return torch.cat([engine.along(x, y, mean)[:, 0] for x, y in work.batches()])


def data_labels(work: Work, damping: float) -> Tensor:
    """DataInf with the labels of the data, as the peers take it."""
    trained = work.trained()
    curvature = curvature_of(trained, 0, usual_ratio(trained))
    curvature.labels, curvature.damping = "data", damping
    engine = curvature.engine
    v = curvature.layout.from_queries(engine.queries(*work.asked))
    queries = curvature.layout.to_queries(datainf(curvature, v))
    return torch.cat([engine.dots(x, y, queries) for x, y in work.batches()]) / work.n


def neighbours(work: Work, damping: float) -> Tensor:
    near, asked = F.normalize(work.x.double()), F.normalize(work.asked[0].double())
    order = np.argsort(-(asked @ near.T).numpy(), axis=1, kind="stable")
    values = np.zeros((len(asked), work.n))
    np.put_along_axis(values, order, shapley_values(work.y.numpy()[order] == work.asked[1].numpy()[:, None], 5), axis=1)
    return torch.from_numpy(values.mean(0))


def forward_inf(work: Work, damping: float) -> Tensor:
    """Forward-INF for a block of queries whose steps are done and with base losses kept, as in every query block after
    the first."""
    if work.name not in _MOVED:
        _MOVED[work.name] = estimators.get("forward-inf")(work.trained())
        _MOVED[work.name].prepare([Query(str(row), (row,)) for row in range(work.n, work.n + BLOCK)])
    rows = np.arange(work.n)
    return torch.cat(
        [_MOVED[work.name].score(rows[start : start + BATCH]).influence for start in range(0, work.n, BATCH)]
    )


_MOVED: dict[str, Any] = {}
BLOCK = 20
ALONE = "Forward-INF, a further query"  # of a block of so many; no peer has it
SHIPPED = "DataInf"  # for the labels that the model expects; the peers take those of the data
OURS: dict[str, Callable[[Work, float], Tensor]] = {
    "all pairs": all_pairs,
    "self-influence": self_influence,
    "one direction": one_direction,
    ALONE: forward_inf,
    "TracIn over 3 checkpoints": ours_by_estimator("tracin"),
    "EK-FAC": ours_by_estimator("ekfac"),
    "Nystroem, rank 50": ours_by_estimator("nystroem", rank=RANK),
    "Arnoldi": ours_by_estimator("arnoldi", rank=100),
    "conjugate gradients": ours_by_estimator("influence-cg"),
    "LiSSA": ours_by_estimator("lissa"),
    SHIPPED: ours_by_estimator("datainf"),
    "DataInf, labels of the data": data_labels,
    "TRAK": ours_by_estimator("trak", dim=SKETCH, relative_ridge=1e-7),
    "KNN-Shapley": neighbours,
}


def cpu_seconds(work: Callable[[], Any]) -> float:
    """CPU time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def peak_extra_bytes(work: Callable[[], Any]) -> int | None:
    """By how much the resident size grew at most during one call; None where the system does not say."""
    if sys.platform != "linux":
        work()
        return None
    ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    except OSError:
        work()
        return None
    before = _status("VmRSS")
    work()
    return max(0, _status("VmHWM") - before)


def _status(name: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def measured(work: Work, call: Callable[[], Tensor]) -> tuple[Tensor, dict[str, Any]]:
    """What the call returns, with its cost in forward passes and its peak memory."""
    held: list[Tensor] = []
    began = time.process_time()
    peak = peak_extra_bytes(lambda: held.append(call()))
    first = time.process_time() - began
    if first > 10:  # imports weigh nothing here
        pairs = [(cpu_seconds(work.forward), first)]
    else:
        pairs = [(cpu_seconds(work.forward), cpu_seconds(call)) for _ in range(5 if first < 4 else 2)]
        peak = peak_extra_bytes(call)
    found = held[0]
    plain, own = (statistics.median(times) for times in zip(*pairs, strict=True))
    line = {
        "ratio": round(own / plain, 2),
        "cpu_s": round(own, 4),
        "forward_cpu_s": round(plain, 5),
        "runs": len(pairs),
    }
    return found.detach(), line | {"peak_extra_bytes": peak}


def agreement(found: Tensor, reference: Tensor) -> dict[str, float]:
    """Of a peer's scores with ours: largest difference as a share of our largest score, correlations, and the factor
    between them."""
    a, b = (np.atleast_2d(part.double().numpy().T) for part in (found, reference))  # (q, n)
    ranks = [np.argsort(np.argsort(part, axis=1), axis=1) for part in (a, b)]
    return {
        "max_relative": float(np.abs(a - b).max() / np.abs(b).max()),
        "pearson": float(np.corrcoef(a.ravel(), b.ravel())[0, 1]),
        "spearman": float(np.mean([np.corrcoef(x, y)[0, 1] for x, y in zip(*ranks, strict=True)])),
        "factor": float((a * b).sum() / (b * b).sum()),
    }


def linear_only(work: Work, kind: str, damping: float) -> Tensor:
    """Our scores over the linear layers alone: what captum and kronfluence cover on the transformer."""
    model = work.copy()
    for module in model.modules():
        if not isinstance(module, torch.nn.Linear):
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad_(False)
    return OURS[kind](Work(work.name, model, work.checkpoints, work.x, work.y, work.asked), damping)


def compare(work: Work, kind: str) -> dict[str, Any]:
    """One kind of work on one model: ours, then each peer in turn."""
    trained = work.trained()
    damping = curvature_of(trained, 0, usual_ratio(trained)).damping if kind in DAMPED else 0.0
    ours, line = measured(work, lambda: OURS[kind](work, damping))
    if kind == ALONE:
        line |= {"ratio": round(line["ratio"] / BLOCK, 2), "cpu_s": round(line["cpu_s"] / BLOCK, 4)}
    result: dict[str, Any] = {"damping": damping, "ours": line, "peers": {}}
    _say(work, kind, "ours", line)
    for library, call in CALLS.get(kind, {}).items():
        if work.name not in MODELS[kind, library]:
            continue
        try:
            found, line = measured(work, lambda call=call: call(work, damping))
        except ImportError as error:
            result["peers"][library] = {"left_out": f"not installed ({error.name})"}
        except Exception as error:  # another library's failure is a finding, not a reason to stop
            result["peers"][library] = {"left_out": f"{type(error).__name__}: {str(error).splitlines()[0][:160]}"}
        else:
            partial = "linear layers only" in CONVENTIONS[kind, library] and work.name == "transformer"
            reference = linear_only(work, kind, damping) if partial else ours
            line |= {"convention": CONVENTIONS[kind, library], "to_ours": agreement(found, reference)}
            result["peers"][library] = line
        _say(work, kind, library, result["peers"][library])
    return result


DAMPED = {
    "EK-FAC",
    "Nystroem, rank 50",
    "Arnoldi",
    "conjugate gradients",
    "LiSSA",
    SHIPPED,
    "DataInf, labels of the data",
}


def _say(work: Work, kind: str, who: str, line: dict[str, Any]) -> None:
    text = (
        line.get("left_out")
        or f"{line['ratio']:8.2f} forward passes, {(line['peak_extra_bytes'] or 0) / 2**20:6.0f} MiB"
    )
    if "to_ours" in line:
        close = line["to_ours"]
        text += f", max rel {close['max_relative']:.1e}, Spearman {close['spearman']:.4f}, factor {close['factor']:.3g}"
    sys.stdout.write(f"{work.name:12} {kind:26} {who:22} {text}\n")
    sys.stdout.flush()


def dense_solve() -> dict[str, Any]:
    """Conjugate gradients against the curvature written out and factorised, on an MLP small enough for that
    (64-40-10)."""
    work = mlp(40)
    exact, solved = (ours_by_estimator(name)(work, 0.0) for name in ("influence-exact", "influence-cg"))
    return agreement(solved, exact)


def growth(kind: str = "all pairs") -> dict[str, float]:
    """CPU seconds over 1, 4 and 16 times the digits, each over those at once."""
    base, found = mlp(), {}
    for times in (1, 4, 16):
        work = base.repeated(times)
        OURS[kind](work, 0.0)
        found[times] = statistics.median(cpu_seconds(lambda work=work: OURS[kind](work, 0.0)) for _ in range(5))
    return {f"{times}x": round(value / found[1], 2) for times, value in found.items()}


def versions() -> dict[str, str]:
    found = {"torch": torch.__version__}
    for library, package in LIBRARIES.items():
        try:
            found[library] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[library] = "not installed"
    return found


def failures(result: dict[str, Any]) -> list[str]:
    """The agreements that must hold and do not."""
    wrong = []
    for model, works in result["models"].items():
        for kind in ("all pairs", "TracIn over 3 checkpoints"):
            close = works.get(kind, {}).get("peers", {}).get("captum", {}).get("to_ours")
            if close and close["max_relative"] > 1e-6:
                wrong.append(f"{model}, {kind}: captum differs by {close['max_relative']:.1e}")
        close = works.get("EK-FAC", {}).get("peers", {}).get("kronfluence, 40 draws", {}).get("to_ours")
        if close and close["spearman"] < 0.95:
            wrong.append(f"{model}: EK-FAC has a Spearman correlation of {close['spearman']:.3f} with kronfluence")
    if result["conjugate gradients to the dense solve"]["max_relative"] > 1e-4:
        wrong.append("conjugate gradients differ from the dense solve")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=list(WORKS))
    parser.add_argument("--works", nargs="+", default=list(OURS))
    parser.add_argument("--out", type=Path, default=OUT)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["TQDM_DISABLE"] = "1"
    torch.set_num_threads(1)
    result = json.loads(arguments.out.read_text()) if arguments.out.exists() else {"models": {}}
    for name in arguments.models:
        work = WORKS[name]()
        work.forward()
        lines = result["models"].setdefault(name, {})
        lines["about"] = {
            "parameters": work.parameters,
            "samples": work.n,
            "queries": QUERIES,
            "query_bytes": 4 * QUERIES * work.parameters,
        }
        lines["about"]["forward_peak_bytes"] = peak_extra_bytes(work.forward)
        for kind in arguments.works:
            wanted = any(name in MODELS[kind, library] for library in CALLS.get(kind, {}))
            if wanted or kind == ALONE or (kind == SHIPPED and name == "MLP"):
                lines[kind] = compare(work, kind)
                write_json(arguments.out, result)
    if arguments.works == list(OURS) or "growth of all pairs on the MLP" not in result:
        result["conjugate gradients to the dense solve"] = dense_solve()
        result["growth of all pairs on the MLP"] = growth()
    result["versions"], result["batch_size"] = versions(), BATCH
    result["machine"] = f"{platform.processor() or platform.machine()}, one thread"
    write_json(arguments.out, result)
    wrong = failures(result)
    sys.stdout.write("".join(f"FAILS: {line}\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
