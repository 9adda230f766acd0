"""What held-out models say of a suggestion: how likely it is right, given how often labels are wrong at all.

Their probabilities are first brought to a temperature at which they fit the given labels, of which a share is wrong
(Guo et al. 2017, arXiv 1706.04599, with the noise counted in); then Bayes' rule weighs the label that was given against
the suggested one. Errors are taken to hit all other classes alike.
"""

import numpy as np

TEMPERATURES = np.geomspace(0.5, 4.0, 25)
MOST = 5_000  # samples that the temperature is fitted on


def words(
    said: np.ndarray, labels: np.ndarray, suggested: np.ndarray, asked: np.ndarray, rate: float, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Two probabilities (k,) for the places ``asked`` (k,): that the suggestion is right, and that it is right if the
    given label is wrong.

    ``said`` (n, c) are held-out probabilities, ``labels`` and ``suggested`` (n,) classes, ``rate`` the share of labels
    that are wrong.
    """
    rate = min(max(rate, 1e-4), 0.5)
    n, c = said.shape
    fitted = np.random.default_rng(seed).choice(n, MOST, replace=False) if n > MOST else np.arange(n)
    heat = _temperature(np.asarray(said[fitted], np.float64), labels[fitted], rate)
    p = _softened(np.asarray(said[asked], np.float64), heat)
    line = np.arange(len(asked))
    given, other = p[line, labels[asked]], p[line, suggested[asked]]
    by_error = rate / max(1, c - 1)  # probability that an error gives this very class
    seen = (1 - rate) * given + by_error * (1 - given)
    return np.asarray(by_error * other / seen), np.clip(other / np.maximum(1 - given, 1e-9), 0.0, 1.0)


def _temperature(p: np.ndarray, labels: np.ndarray, rate: float) -> float:
    """The temperature at which the given labels, with errors, are likeliest."""
    line = np.arange(len(labels))

    def fit(heat: float) -> float:
        own = _softened(p, heat)[line, labels]
        return float(np.log((1 - rate) * own + rate * (1 - own) / max(1, p.shape[1] - 1)).mean())

    return float(max(TEMPERATURES, key=fit)) if len(labels) else 1.0


def _softened(p: np.ndarray, heat: float) -> np.ndarray:
    """Probabilities (k, c) at another temperature."""
    raised = np.maximum(p, 1e-12) ** (1 / heat)
    return np.asarray(raised / raised.sum(1, keepdims=True))
