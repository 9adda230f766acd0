"""Wrong targets planted on purpose in a copy, and the weights of detectors that find them best."""

from dataclasses import dataclass

import numpy as np

from attribution.detectors.planting import plant
from attribution.estimators._hash import uniform
from attribution.statistics.ranking import auroc, average_ranks
from attribution.tasks.targets import Targets

FOLDS, STEPS = 5, 200
PENALTY = 0.1  # L2, per sample: members that agree share the weight
CLEARLY = 0.02  # AUROC by which a single detector must lead, out of fold, to stand alone


def planted_copy(
    targets: Targets, values: np.ndarray, names: np.ndarray, probabilities: np.ndarray | None, share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values (n,) of the samples called ``names`` with a share of them wrong on purpose, and which (n,) bool.

    At least two and at most half of the samples; see ``planting.plant``. Chance belongs to a sample's name and the
    seed, so the order of samples does not matter.
    """
    n = len(values)
    count = min(max(2, round(share * n)), n // 2)
    places = np.argsort(uniform([str(name) for name in names], seed + 1), kind="stable")[:count]
    p = None if probabilities is None else probabilities[places]
    changed = np.array(values)
    changed[places] = plant(targets, values[places], np.random.default_rng([seed, 2]), p)[0]
    flipped = np.zeros(n, dtype=bool)
    flipped[places] = True
    return changed, flipped


def standardised(values: np.ndarray) -> np.ndarray:
    """Normal scores (n,) of the ranks of values (n,): mean 0, spread about 1, whatever the unit; equal values share
    theirs."""
    from scipy.stats import norm

    return np.asarray(norm.ppf((average_ranks(values) - 0.5) / len(values)))


@dataclass(frozen=True)
class Weights:
    """A logistic regression on standardised ranks: ``weights`` by detector, all 0 or more, and the constant; with its
    figures on the planted flips.

    ``auroc`` is cross-fitted (fitted on four fifths, judged on the last); ``singles`` holds each detector's own.
    """

    weights: dict[str, float]
    constant: float
    auroc: float
    singles: dict[str, float]

    def probability(self, values: dict[str, np.ndarray]) -> np.ndarray:
        """Probability of being a planted flip (n,), from the detectors' values (n,) each."""
        total = np.full(len(next(iter(values.values()))), self.constant)
        for name, weight in self.weights.items():
            # Every weight may be 0: then all samples are alike.
            total += weight * standardised(values[name]) if weight else 0.0
        return np.asarray(1 / (1 + np.exp(-total)))


def learn(values: dict[str, np.ndarray], flipped: np.ndarray, chance: np.ndarray) -> Weights:
    """The weights that tell planted flips (n,) from the others, by logistic regression without negative weights.

    Every detector is higher for what is suspicious, so a negative weight could only fit noise. ``chance`` (n,) in 0..1
    deals the samples to the folds. Where the best single detector is clearly ahead of the combination out of fold, it
    gets all the weight. Real errors among the samples that were left alone count as right ones; that lowers every
    figure and hardly changes an order (Elkan and Noto 2008).
    """
    names = sorted(values)
    x = np.stack([standardised(values[name]) for name in names], axis=1)  # (n, d)
    fold = (average_ranks(chance) * FOLDS / (len(chance) + 1)).astype(int)
    held = np.zeros(len(x))
    for number in range(FOLDS):
        out = fold == number
        weight, constant = _fit(x[~out], flipped[~out])
        held[out] = x[out] @ weight + constant
    singles = {name: auroc(values[name], flipped) for name in names}
    found = auroc(held, flipped)
    best = max(names, key=lambda name: singles[name])
    kept = (
        np.ones(len(names), dtype=bool)
        if found >= singles[best] - CLEARLY
        else np.array([name == best for name in names])
    )
    weight, constant = _fit(x * kept, flipped)
    return Weights(
        {name: float(w) for name, w in zip(names, weight * kept, strict=True)}, float(constant), found, singles
    )


def _fit(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Weights (d,), none negative, and constant of a logistic regression with a small L2 penalty."""
    from scipy.optimize import minimize

    z = np.hstack([x, np.ones((len(x), 1))])
    sign = np.where(y, 1.0, -1.0)

    def objective(w: np.ndarray) -> tuple[float, np.ndarray]:
        lead = sign * (z @ w)  # (n,)
        slope = -sign / (1 + np.exp(np.clip(lead, -500, 500))) @ z / len(z)
        penalty = PENALTY * np.append(w[:-1], 0.0)
        return float(np.logaddexp(0, -lead).mean() + PENALTY / 2 * (w[:-1] ** 2).sum()), slope + penalty

    bounds = [(0, None)] * x.shape[1] + [(None, None)]
    found = minimize(
        objective, np.zeros(z.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": STEPS}
    ).x
    return found[:-1], float(found[-1])
