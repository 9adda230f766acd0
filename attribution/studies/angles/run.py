"""Measures how every training gradient stands to a query's gradient: angles, lengths, by layer, over checkpoints, with
curvature."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.estimators._hash import uniform
from attribution.estimators._preconditioned import curvature_of, usual_ratio
from attribution.estimators.base import Query
from attribution.measures.query import query_gradients
from attribution.progress import Progress
from attribution.storage.files import file_hash, whole_file
from attribution.storage.tables import write_table
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.base import Context, Request

if TYPE_CHECKING:
    import torch

    from attribution.gradients.curvature import Layout
    from attribution.gradients.queries import QueryGradients
    from attribution.training.trained import TrainedModel

TOLERANCE = 1e-4  # relative residual at which neither a solution's angle nor the influences made with it move visibly


def angle(a: "torch.Tensor", b: "torch.Tensor") -> float:
    """Angle between two vectors in degrees, 0 to 180; 90 for a vector of zeros."""
    import torch

    a = a.double().flatten()
    b = b.double().flatten()
    a = a / a.norm().clamp_min(1e-300)
    b = b / b.norm().clamp_min(1e-300)
    if not float(a.norm()) * float(b.norm()):
        return 90.0
    # Keeps its digits near 0 and 180, unlike arccos.
    return float(torch.rad2deg(2 * torch.atan2((a - b).norm(), (a + b).norm())))


def request(context: Context, config: AnglesConfig) -> Request:
    """The query by its rows, and the dampings with the usual one, which the model decides."""
    trained = context.trained(config.device, batch_size=config.batch_size)
    active_rows(context.dataset, context.labels, "train", "The angles of the training samples are measured.")
    usual = usual_ratio(trained)
    said: dict[str, Any] = {
        "run": context.asked.id,
        "checkpoints": [file_hash(Path(path)) for path, _ in context.asked.checkpoints],
        "version": context.labels.version,
        "query_rows": sorted({int(row) for row in context.rows(config.queries, context.run)}),
        "damping_ratios": sorted({*(float(ratio) for ratio in config.damping_ratios), usual}),
        "curvature_samples": config.curvature_samples,
        "iterations": config.iterations,
        "seed": config.seed,
    }
    return Request(said, ready=(trained, usual))


def compute(context: Context, config: AnglesConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Angles and lengths of all active training gradients against the gradient of the mean loss of the queries.

    Curvature is the Gauss-Newton matrix of the mean loss over at most ``curvature_samples`` training samples (chosen by
    id), with the dampings named and the usual one. Cost: a forward and a backward pass over the training set per
    checkpoint, and at most ``iterations`` products with the curvature (five forward passes over its samples).
    Source: angles as in IP, arXiv 2405.17490, figure 1; the curvature as in ``attribution.gradients.curvature``.
    """
    trained, usual = asked.ready
    rows, ratios = asked.said["query_rows"], asked.said["damping_ratios"]
    about = _measured(trained, rows, ratios, usual, config, out, work)
    return {"usual_ratio": usual, "n_train": len(trained.rows), "device": str(trained.device), **about}


def _measured(
    trained: "TrainedModel",
    asked: list[int],
    ratios: list[float],
    usual: float,
    config: AnglesConfig,
    folder: Path,
    work: Progress,
) -> dict[str, Any]:
    """Write the arrays and return what ``config.json`` says of them."""
    import pandas as pd

    count = len(trained.weights)
    checkpoints = []
    curves = []
    for checkpoint in range(count):
        part = work.part(checkpoint / count, (checkpoint + 1) / count, f"checkpoint {checkpoint + 1} of {count}")
        query = query_gradients(trained, [Query("asked", tuple(asked))], checkpoint)
        part.update(0, 3, "curvature")
        solved, turns = _turns(trained, query, ratios, usual, config, checkpoint)
        epoch = trained.run.config["checkpoints"][checkpoint]["epoch"]
        checkpoints.append({"epoch": epoch, "query_norm": float(query.norms[0]), "curvature": turns})
        if checkpoint < count - 1:
            curves.append(_plain(trained, query, checkpoint, part.part(0.4, 1.0)))
    samples, layers, layer_about = _apart(trained, query, solved, part.part(0.4, 1.0))
    curves.append(np.stack([samples["cosine"], samples["norm"]]))
    against = trained.rows[samples["influence"] < 0]
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / "samples.parquet", pd.DataFrame({"row": trained.rows, **samples}))
    for name, values in (("checkpoints", np.stack(curves, 1)), ("layers", layers)):
        with whole_file(folder / f"{name}.npy") as temporary, open(temporary, "wb") as stream:
            np.save(stream, values.astype(np.float32), allow_pickle=False)
    return {"checkpoints": checkpoints, "layers": layer_about, "against": _mean_angle(trained, query, against)}


def _layout(trained: "TrainedModel") -> "Layout":
    """Where each parameter of the last checkpoint's model lies in a vector of all of them."""
    from attribution.gradients.curvature import Layout
    from attribution.gradients.probe import covered_parameters

    return Layout(covered_parameters(trained.model()))


def _turns(
    trained: "TrainedModel",
    query: "QueryGradients",
    ratios: list[float],
    usual: float,
    config: AnglesConfig,
    checkpoint: int,
) -> "tuple[torch.Tensor, list[dict[str, float]]]":
    """The query times the inverse curvature at the usual damping ``(1, P)``, and by how much every damping turns it."""
    from attribution.gradients.curvature import shifted_conjugate_gradients

    chance = uniform([str(name) for name in trained.dataset.ids[trained.rows]], config.seed)
    rows = np.sort(trained.rows[np.argsort(chance, kind="stable")[: config.curvature_samples]])
    curvature = curvature_of(trained, config.seed, usual, checkpoint, rows)
    usual_shift = curvature.shift
    mean = curvature.trace / curvature.size + curvature.l2
    shifts = [usual_shift if ratio == usual else curvature.l2 + ratio * mean for ratio in ratios]
    v = curvature.layout.from_queries(query)[0]  # (P,)
    x, residuals = shifted_conjugate_gradients(curvature, v, shifts, TOLERANCE, config.iterations)
    turns = [
        {"ratio": ratio, "damping": ratio * mean, "turn": angle(v, one), "residual": float(residual)}
        for ratio, one, residual in zip(ratios, x, residuals, strict=True)
    ]
    return x[ratios.index(usual)][None], turns


def _plain(trained: "TrainedModel", query: "QueryGradients", checkpoint: int, work: Progress) -> np.ndarray:
    """Cosines and norms (2, n) at one checkpoint."""
    engine = trained.engine(checkpoint)
    parts = []
    done = 0
    for x, y in trained.batches(trained.rows):
        dots, norms = engine.dots_and_norms(x, y, query)  # (b, 1), (b,)
        parts.append(np.stack([_cosine(dots[:, 0], norms, query), norms.cpu().numpy()]))
        trained.count(3 * len(y))
        done += len(y)
        work.update(done, len(trained.rows), f"{done:,} of {len(trained.rows):,} training samples")
    return np.concatenate(parts, 1)


def _apart(
    trained: "TrainedModel", query: "QueryGradients", solved: "torch.Tensor", work: Progress
) -> tuple[dict[str, np.ndarray], np.ndarray, list[dict[str, Any]]]:
    """At the last checkpoint: the samples' columns, cosines and shares by layer (2, l, n), and what the layers are."""
    import torch

    from attribution.gradients.queries import QueryGradients

    engine = trained.engine()
    layout = _layout(trained)
    both = QueryGradients.stack([layout.to_queries(layout.from_queries(query)), layout.to_queries(solved)])
    own = (
        torch.stack([query.only(names).norms.cpu() for names in engine.layers.values()])[:, 0].double().numpy()
    )  # (l,)
    columns: list[list[np.ndarray]] = [[], [], [], []]
    layers = []
    done = 0
    for x, y in trained.batches(trained.rows):
        dots, norms = (part.double().cpu().numpy() for part in engine.by_layer(x, y, both))  # (l, b, 2), (l, b)
        total = np.sqrt((norms**2).sum(0))  # (b,)
        cosine = dots[..., 0].sum(0) / np.maximum(total * np.sqrt((own**2).sum()), 1e-30)
        for column, values in zip(
            columns, (cosine, total, dots[..., 0].sum(0), dots[..., 1].sum(0) / len(trained.rows)), strict=True
        ):
            column.append(values.astype(np.float32))
        within = dots[..., 0] / np.maximum(norms * own[:, None], 1e-30)  # (l, b)
        layers.append(np.stack([within, norms**2 / np.maximum(total**2, 1e-60)]))
        trained.count(3 * len(y))
        done += len(y)
        work.update(done, len(trained.rows), f"{done:,} of {len(trained.rows):,} training samples")
    names = ("cosine", "norm", "influence", "curved")
    kinds = {name: type(trained.model().get_submodule(name)).__name__ for name in engine.layers}
    shares = own**2 / max(float((own**2).sum()), 1e-60)
    about = [
        {
            "name": name,
            "kind": kinds[name],
            "parameters": sum(layout.sizes[each] for each in parts),
            "share": float(share),
        }
        for (name, parts), share in zip(engine.layers.items(), shares, strict=True)
    ]
    return (
        {name: np.concatenate(column) for name, column in zip(names, columns, strict=True)},
        np.concatenate(layers, 2),
        about,
    )


def _cosine(dots: "torch.Tensor", norms: "torch.Tensor", query: "QueryGradients") -> np.ndarray:
    return (dots / (norms * query.norms[0]).clamp_min(1e-30)).cpu().numpy()  # type: ignore[no-any-return]


def _mean_angle(trained: "TrainedModel", query: "QueryGradients", rows: np.ndarray) -> dict[str, Any]:
    """Number, norm and angle to the query of the mean gradient of some rows; no angle without rows."""
    if not len(rows):
        return {"n": 0, "norm": None, "angle": None}
    layout = _layout(trained)
    mean = layout.join(
        {name: value[None] for name, value in trained.engine().mean_gradient(trained.batches(rows)).items()}
    )
    return {"n": len(rows), "norm": float(mean.norm()), "angle": angle(layout.from_queries(query), mean)}
