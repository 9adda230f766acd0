"""How likely a comparison over seeds and test samples tells a change from chance, and how large a change must be."""

import math

CHANCE = 0.8  # a change that is told four times in five is called large enough


def half_width(seeds_sd: float, samples_se: float, seeds: int, level: float = 0.95) -> float:
    """Half of the interval to expect: ``seeds_sd`` is the spread of the change from seed to seed, ``samples_se`` its
    standard error over test samples (see ``intervals.crossed``)."""
    from scipy import stats

    t = float(stats.t.ppf(0.5 + level / 2, seeds - 1))
    z = float(stats.norm.ppf(0.5 + level / 2))
    return math.hypot(t * seeds_sd / math.sqrt(seeds), z * samples_se)


def power(gain: float, seeds_sd: float, samples_se: float, seeds: int) -> float:
    """Chance 0..1 that the interval excludes zero where the true change is ``gain``; normal approximation."""
    from scipy import stats

    spread = math.hypot(seeds_sd / math.sqrt(seeds), samples_se)
    if not spread > 0:
        return float(gain > 0)
    return float(stats.norm.cdf((gain - half_width(seeds_sd, samples_se, seeds)) / spread))


def needed(seeds_sd: float, samples_se: float, seeds: int, chance: float = CHANCE) -> float:
    """The smallest change that is told from chance with this probability."""
    from scipy import stats

    spread = math.hypot(seeds_sd / math.sqrt(seeds), samples_se)
    return half_width(seeds_sd, samples_se, seeds) + float(stats.norm.ppf(chance)) * spread
