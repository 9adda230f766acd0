"""The named signals, each 0..1, that say what kind of sample a suspect is."""

from typing import TYPE_CHECKING

import numpy as np

from attribution.statistics.ranking import average_ranks

if TYPE_CHECKING:
    from attribution.studies.mislabels.result import FlagResult
    from attribution.training.run import Run

TAIL = 0.05  # rare is looked for among this share of samples with the most distant neighbours
BLOCK = 8192  # rows whose neighbours' representations are held at once


def signals(flags: "FlagResult", run: "Run", c: int) -> dict[str, np.ndarray]:
    table = flags.detectors
    rows, given, suggested = (table[name].to_numpy().astype(np.int64) for name in ("row", "label", "suggested"))
    n = np.arange(len(rows))
    models = np.asarray(flags.out_of_fold, dtype=np.float64)
    votes = _votes(rows, given, flags.neighbors, c)
    belief = (models + votes) / 2
    contradicts = belief.argmax(1) != given
    confused = _confusion(given, belief.argmax(1), c)
    pair_rank = _pair_ranks(confused)[given, suggested]
    epochs, confidence, spread = _over_epochs(run, rows)
    distance = _distances(np.asarray(run.representation()), rows, flags.neighbors)
    p_given = models[n, given]
    p_suggested = models[n, suggested]
    v_given = votes[n, given]
    v_suggested = votes[n, suggested]
    return {
        "label": given,
        "judged": table["judged"].to_numpy(dtype=bool) if "judged" in table else np.ones(len(rows), dtype=bool),
        "suggested": suggested,
        "p_given": p_given,
        "p_suggested": p_suggested,
        "v_given": v_given,
        "claimed": v_suggested,
        "confused": confused[given, suggested],
        "confidence": confidence,
        "spread": spread,
        "neighbor_distance": distance,
        "neighbor_distance_top": 1 - _percentile(distance),
        "contradicts": contradicts.astype(np.float64),
        "models": _against(p_given, p_suggested),
        "neighbors": _against(v_given, v_suggested),
        "epochs": epochs,
        "distinct": 1 - pair_rank,
        "sure": np.where(contradicts, _share_wrong(belief.max(1), contradicts, flags.estimate["mid"]), 0.0),
        "torn_models": 1 - np.abs(p_given - p_suggested) / (p_given + p_suggested + 1e-9),
        "torn_neighbors": 1 - np.abs(v_given - v_suggested) / (v_given + v_suggested + 1e-9),
        "variability": _percentile(spread),
        "distance": np.clip((_percentile(distance) - (1 - TAIL)) / TAIL, 0, 1),
    }


def _against(given: np.ndarray, suggested: np.ndarray) -> np.ndarray:
    """Share of the suggested label in what the two get together; 0.5 where neither gets anything."""
    return (suggested + 0.05) / (given + suggested + 0.1)


def _percentile(values: np.ndarray) -> np.ndarray:
    """Where each value stands among all, 0..1; NaN stays."""
    found = np.full(len(values), np.nan)
    known = np.isfinite(values)
    if known.any():
        found[known] = (average_ranks(values[known]) - 0.5) / known.sum()
    return found


def _votes(rows: np.ndarray, given: np.ndarray, neighbors: np.ndarray, c: int) -> np.ndarray:
    """Share (n, c) of each row's neighbours per label."""
    label = np.zeros(int(rows.max()) + 1, dtype=np.int64)
    label[rows] = given
    votes = np.zeros((len(rows), c))
    np.add.at(votes, (np.arange(len(rows))[:, None], label[neighbors]), 1 / neighbors.shape[1])
    return votes


def _confusion(given: np.ndarray, believed: np.ndarray, c: int) -> np.ndarray:
    """How often the evidence takes one class for the other (c, c): the mean of both directions' shares, 0..1."""
    counts = np.zeros((c, c))
    np.add.at(counts, (given, believed), 1)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return np.asarray((shares + shares.T) / 2)


def _pair_ranks(confused: np.ndarray) -> np.ndarray:
    """Percentile (c, c) of each pair of different classes among all pairs by how often they are confused; 0 on the
    diagonal."""
    ranks = np.zeros(confused.shape)
    pairs = ~np.eye(len(confused), dtype=bool)
    ranks[pairs] = _percentile(confused[pairs])
    return ranks


def _over_epochs(run: "Run", rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share of epochs in which another class led, mean and standard deviation of the label's probability; NaN without a
    record."""
    record = run.dynamics()
    if not len(record):
        return (np.full(len(rows), np.nan),) * 3
    groups = record.assign(behind=record["margin"] < 0).groupby("row")
    columns = groups["behind"].mean(), groups["confidence"].mean(), groups["confidence"].std(ddof=0)
    return tuple(column.reindex(rows).to_numpy(dtype=np.float64) for column in columns)  # type: ignore[return-value]


def _distances(representation: np.ndarray, rows: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """Mean cosine distance (n,) of each row to its neighbours in the final model's representation."""
    points = np.asarray(representation, dtype=np.float32)
    points = points / np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-12)
    parts = []
    for start in range(0, len(rows), BLOCK):
        own, others = points[rows[start : start + BLOCK]], points[neighbors[start : start + BLOCK]]  # (b, d), (b, k, d)
        parts.append(1 - np.einsum("bd,bkd->bk", own, others).mean(1))
    return np.concatenate(parts).astype(np.float64)


def _share_wrong(sureness: np.ndarray, contradicts: np.ndarray, wrong: float) -> np.ndarray:
    """Expected share (n,) of wrong labels among contradictions at each sureness: the rate of wrong labels over that of
    contradictions.

    The rate of contradictions falls with sureness; it is fitted with a non-increasing step function.
    """
    from sklearn.isotonic import IsotonicRegression

    rate = wrong / len(sureness)
    contradicted = IsotonicRegression(increasing=False).fit(sureness, contradicts).predict(sureness)
    return np.asarray(rate / np.maximum(contradicted, max(rate, 1e-12)))
