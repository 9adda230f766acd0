"""Leaks and duplicates: training samples that repeat a test or validation sample, or each other, with every piece of
evidence."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset
from attribution.errors import UserError
from attribution.modalities.similarity import Similarity, similarity_of
from attribution.neighbors.exact import unit
from attribution.progress import Progress
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.leaks import cases as leak_cases
from attribution.studies.leaks.influence import CONTROLS, self_match
from attribution.studies.leaks.result import REACH
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.neighbor_graph import NeighborGraph, neighbor_graph

if TYPE_CHECKING:
    import pandas as pd

    from attribution.training.train import Run

FORMAT = 1  # raise when the same request would give another result than before
MOST_PAIRS = 5000  # near pairs kept per relation, the closest ones
COPIES = 50  # exact copies of one sample that are listed with it
MODEL_TITLE = "what the model sees"


def request(context: Context, config: LeakConfig) -> Request:
    """The model, the threshold, and whether all pairs can be compared. ``UserError`` without training samples."""
    dataset = context.dataset
    train = dataset.rows("train")
    held = np.concatenate([dataset.rows("val"), dataset.rows("test")])
    if len(train) < 2:
        raise UserError(
            f"There are {len(train)} training samples.", "Copies are looked for among them.", "Import more."
        )
    own = similarity_of(dataset)
    threshold = config.threshold or own.threshold
    if not 0 < threshold <= REACH:
        raise UserError(
            f"A threshold of {threshold:g} is not between 0 and {REACH:g}.",
            "Pairs further apart are not kept.",
            "Take 0.3.",
        )
    said: dict[str, Any] = {
        "format": FORMAT,
        "run": context.asked.id,
        "weights": context.weights,
        "version": context.labels.version,
        "threshold": threshold,
        "neighbors": config.neighbors,
        "influence": config.influence,
        "seed": config.seed,
    }
    if own.in_cells(max(len(train), len(held)), len(train)):
        said["search"] = "cells"
    return Request(said, ready=(own, train, held))


def compute(context: Context, config: LeakConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Pairs of samples that may be the same thing, with their evidence.

    Candidates are equal content hashes, the closest pairs in the modality's own space, and neighbours in the model's
    representation; all are measured in both spaces. A distance is judged as a ratio to the usual one, the median
    distance between a training sample and its nearest other training sample. Pairs up to ``REACH`` times that are kept,
    so that the threshold can be moved afterwards. Dropped samples take part: a search after a verdict shows the case
    again, with its verdict.
    """
    own, train, held = asked.ready
    dataset, run = context.dataset, context.asked
    graph = neighbor_graph(dataset, run, context.folder / "neighbors", work.part(0.0, 0.2), device="cpu")
    pairs, units = _pairs(dataset, own, run, graph, train, held, config.neighbors, work.part(0.2, 0.8))
    table = pairs.assign(**_influence(context, config, pairs, work.part(0.8, 1.0)))
    for name, values in own.measured(table["row"].to_numpy(), table["other"].to_numpy()).items():
        table[name] = values
    write_table(out / "pairs.parquet", table)
    noise = _noise(context, graph, train)
    for relation in ("leak", "duplicate"):
        grouped = leak_cases.group(table[table["relation"] == relation], asked.said["threshold"])
        found = leak_cases.summary(grouped, context.labels.values, noise.get("alike", 0.0)).drop(
            columns=["rows", "others"]
        )
        write_table(out / f"{relation}-cases.parquet", found)
    return {
        **noise,
        "units": units,
        "certain": own.certain / units["own"] if np.isfinite(own.certain) else None,
        "recall": own.recall,
        "titles": {"own": own.title, "model": MODEL_TITLE},
        "measures": {name: asdict(measure) for name, measure in own.measures.items()},
        "controls": CONTROLS,
        "graph": graph.id,
        "n_train": len(train),
        "n_held_out": len(held),
    }


def _noise(context: Context, graph: NeighborGraph, train: np.ndarray) -> dict[str, float]:
    """For numbers, how far apart those of copies may be: the median difference between a training sample's value and
    its nearest neighbour's. What agrees no better than neighbours do is a conflict."""
    if context.dataset.task.kind != "number":
        return {}
    values = context.labels.values
    _, (_, left, right) = _neighbours(graph, train, train[:0], len(context.dataset))
    apart = np.abs(values[left] - values[right])
    return {"alike": float(np.nanmedian(apart)) if np.isfinite(apart).any() else 0.0}


def _pairs(
    dataset: "Dataset",
    own: Similarity,
    run: "Run",
    graph: NeighborGraph,
    train: np.ndarray,
    held: np.ndarray,
    k: int,
    work: Progress,
) -> "tuple[pd.DataFrame, dict[str, float]]":
    """All pairs in reach with their distances, and the usual distances that they are measured in."""
    import pandas as pd

    hashes = pd.Series(dataset.hashes)
    # One of each content.
    first_train, first_held = (rows[~hashes[rows].duplicated().to_numpy()] for rows in (train, held))
    leaks = own.closest(first_held, first_train, k, work.part(0.0, 0.4))
    twins = own.closest(first_train, first_train, k, work.part(0.4, 0.9))
    usual = {"own": _usual(twins.right, twins.distance)}
    relations = {"leak": [leaks], "duplicate": [twins]}
    for relation, left, right in _neighbours(graph, first_train, first_held, len(dataset)):
        relations[relation].append(own.compare(left, right))
    usual["model"] = _usual_seen(graph, first_train, len(dataset))
    tables = []
    for relation, parts in relations.items():
        left, right = np.concatenate([part.left for part in parts]), np.concatenate([part.right for part in parts])
        table = pd.DataFrame(
            {
                "relation": relation,
                "row": left,
                "other": right,
                "exact": False,
                "distance": np.concatenate([part.distance for part in parts]).astype(np.float64),
                "change": np.concatenate([part.change for part in parts]),
            }
        )
        if relation == "duplicate":
            table["row"], table["other"] = np.minimum(left, right), np.maximum(left, right)
        table["ratio"] = table["distance"] / usual["own"]
        table = table.sort_values("distance", kind="stable").drop_duplicates(["row", "other"])
        table = table[
            (table["ratio"] <= REACH) & (hashes[table["row"]].to_numpy() != hashes[table["other"]].to_numpy())
        ].head(MOST_PAIRS)
        tables += [table, _same_content(relation, hashes, train, held), *_copies(table, relation, hashes, train, held)]
    pairs = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    pairs = pairs.sort_values("distance", kind="stable").drop_duplicates(["relation", "row", "other"])
    rows = pairs["row"].to_numpy(dtype=np.int64)
    others = pairs["other"].to_numpy(dtype=np.int64)
    pairs["model_distance"] = np.sqrt(np.maximum(0, 2 - 2 * _cosine(run.representation(), rows, others)))
    pairs["model_ratio"] = pairs["model_distance"] / usual["model"]
    pairs = pairs.astype({"row": "int32", "other": "int32", "exact": bool, "change": str})
    return pd.concat(
        [leak_cases.order(pairs[pairs["relation"] == name]) for name in relations], ignore_index=True
    ), usual


def _cosine(seen: np.ndarray, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Cosines (m,) float64 of pairs of rows of ``seen`` (n, d), some pairs at a time."""
    cosine = np.zeros(len(rows))
    for part in (slice(start, start + 8192) for start in range(0, len(rows), 8192)):
        cosine[part] = np.einsum("md,md->m", unit(seen[rows[part]]), unit(seen[others[part]]))
    return cosine


def _usual(rows: np.ndarray, distance: np.ndarray) -> float:
    """Median over rows of the smallest distance above 0; 1 when there is none."""
    import pandas as pd

    positive = distance > 0
    nearest = pd.Series(distance[positive]).groupby(rows[positive]).min()
    return float(nearest.median()) if len(nearest) else 1.0


def _usual_seen(graph: NeighborGraph, train: np.ndarray, n: int) -> float:
    """The same in the model's representation: the nearest other training sample among the neighbours of each."""
    member = np.zeros(n, dtype=bool)
    member[train] = True
    indices = np.asarray(graph.indices[train])
    similarities = np.asarray(graph.similarities[train], dtype=np.float64)
    distance = np.sqrt(np.maximum(0, 2 - 2 * similarities))
    distance = np.where(member[indices] & (distance > 1e-3), distance, np.inf).min(1)
    distance = distance[np.isfinite(distance)]
    return float(np.median(distance)) if len(distance) else 1.0


def _neighbours(
    graph: NeighborGraph, train: np.ndarray, held: np.ndarray, n: int
) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Each sample's nearest training sample in the graph, as pairs (training row, sample) per relation."""
    member = np.zeros(n, dtype=bool)
    member[train] = True
    found = []
    for relation, rows in (("leak", held), ("duplicate", train)):
        indices = np.asarray(graph.indices[rows])
        known = member[indices]
        has = known.any(1)
        first = indices[np.arange(len(rows)), known.argmax(1)]
        found.append((relation, first[has].astype(np.int64), rows[has]))
    return found


def _same_content(relation: str, hashes: "pd.Series", train: np.ndarray, held: np.ndarray) -> "pd.DataFrame":
    """Exact pairs. Each copy is tied to the first one of its content (on the other side, for a leak): enough to make
    one case of them."""
    import pandas as pd

    first = dict(zip(hashes[train[::-1]], train[::-1].tolist(), strict=True))
    trained = list(zip(train.tolist(), hashes[train], strict=True))
    links: list[tuple[int, int]] = []
    if relation == "duplicate":
        links = [(first[content], row) for row, content in trained if first[content] != row]
    else:
        first_held: dict[str, int] = {}
        for row, content in zip(held.tolist(), hashes[held], strict=True):
            if content in first:
                links.append((first[content], row))
                first_held.setdefault(content, row)
        links += [(row, first_held[content]) for row, content in trained if content in first_held]
    columns = {"row": [one for one, _ in links], "other": [other for _, other in links]}
    return pd.DataFrame(
        {"relation": relation, **columns, "exact": True, "distance": 0.0, "change": "", "ratio": 0.0}
    ).drop_duplicates()


def _copies(
    table: "pd.DataFrame", relation: str, hashes: "pd.Series", train: np.ndarray, held: np.ndarray
) -> "list[pd.DataFrame]":
    """The near leaks of samples that stand for several of the same content, once for each of those."""
    if relation != "leak" or not len(table):
        return []
    found = []
    for side, rows in (("row", train), ("other", held)):
        known = set(hashes[table[side]])
        mine = hashes[rows][hashes[rows].isin(known)]
        same = {content: group.index.tolist()[:COPIES] for content, group in mine.groupby(mine)}
        doubled = table[[len(same[content]) > 1 for content in hashes[table[side]]]]
        copies = doubled.assign(**{side: [same[content] for content in hashes[doubled[side]]]})
        found.append(copies.explode(side).astype({side: "int64"}))
    return found


def _influence(context: Context, config: LeakConfig, pairs: "pd.DataFrame", work: Progress) -> dict[str, np.ndarray]:
    """Gradient cosine and Forward-INF of the best pair of each of the likeliest leaked held-out samples; NaN
    elsewhere, and everywhere where there are predictions alone."""
    names = ("gradient_cosine", "gradient_cosine:highest", "forward_inf", "forward_inf:highest")
    columns = {name: np.full(len(pairs), np.nan) for name in names}
    active = context.labels.active
    leaks = pairs[(pairs["relation"] == "leak") & active[pairs["row"]] & active[pairs["other"]]]
    chosen = leaks.index[~leaks["other"].duplicated().to_numpy()][: config.influence]
    if not len(chosen) or context.asked.given:
        return columns
    rows, others = (pairs.loc[chosen, name].to_numpy(dtype=np.int64) for name in ("row", "other"))
    suspected = {int(other): set(mine) for other, mine in leaks.groupby("other")["row"]}
    found = self_match(context.trained(config.device), rows, others, suspected, config.seed, work)
    for name, values in found.items():
        columns[name][chosen] = values
    return columns
