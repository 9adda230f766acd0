"""Centre and spread of numbers some of which are wrong."""

import numpy as np

NORMAL = 1.4826  # spread of a normal distribution per median absolute deviation
FAR = 3.5  # spreads from the centre beyond which a value is called an outlier (Iglewicz and Hoaglin 1993)


def spread(values: np.ndarray) -> float:
    """Median absolute deviation of values (n,) from their median, scaled to a normal sample's standard deviation.

    Up to half of the values may be wrong without moving it far (Hampel 1974). The mean absolute deviation, scaled
    alike, where more than half of the values are equal, and 1 where all are: never 0.
    """
    distance = np.abs(np.asarray(values, dtype=np.float64) - np.median(values))
    return float(NORMAL * np.median(distance) or np.sqrt(np.pi / 2) * distance.mean() or 1.0)


def standardised(values: np.ndarray) -> np.ndarray:
    """Distance of values (n,) from their median in robust spreads, with its sign, (n,) float64."""
    values = np.asarray(values, dtype=np.float64)
    return (values - np.median(values)) / spread(values)
