"""Splits that keep groups whole, or that follow the time: what is alike, or later, is not trained on."""

import numpy as np

from attribution.errors import UserError
from attribution.settings.configs import DataConfig

TRIES = 100  # drawings of whole groups until every class is in training


def wanted(given: np.ndarray, config: DataConfig) -> dict[str, float]:
    """The parts to draw, with their shares: those that the source does not give."""
    shares = {"test": config.test_fraction, "val": config.val_fraction}
    return {name: share for name, share in shares.items() if share > 0 and not (given == name).any()}


def by_group(given: np.ndarray, groups: np.ndarray, strata: np.ndarray, config: DataConfig) -> tuple[np.ndarray, str]:
    """The split of each sample (n,) and a sentence: whole groups (n,) str, in an order drawn by the seed, until a part
    has its share. The first drawing that leaves every stratum (n,) in training is taken, of at most ``TRIES``."""
    parts = wanted(given, config)
    splits = np.where(given == "", "train", given).astype("<U5")
    names, codes = np.unique(groups, return_inverse=True)
    free = np.unique(codes[splits == "train"])
    for attempt in range(TRIES if parts else 0):
        drawn = _drawn(splits, codes, np.random.default_rng([config.seed, attempt]).permutation(free), parts)
        if set(strata[drawn == "train"]) == set(strata):
            splits = drawn
            break
    else:
        splits = drawn if parts else splits
    astride = [name for code, name in enumerate(names) if len(set(splits[codes == code])) > 1]
    said = [
        f"{name} drawn from train (about {share:.0%}, whole groups of {config.split_by}, seed {config.seed})"
        for name, share in parts.items()
    ]
    kept = [name for name in ("train", "val", "test") if (given == name).any()]
    said = [f"{', '.join(kept)} as given", *said] if kept else said
    if astride:
        said.append(f"{len(astride):,} of {len(names):,} groups are in more than one part, such as {astride[0]}")
    return splits, "; ".join(said) or "all samples train"


def _drawn(splits: np.ndarray, codes: np.ndarray, order: np.ndarray, parts: dict[str, float]) -> np.ndarray:
    found = splits.copy()
    sizes = np.bincount(codes[splits == "train"], minlength=int(codes.max()) + 1)
    left = list(order[:-1])  # one group stays in training
    for name, share in parts.items():
        aim = share * len(codes)
        count = 0
        while left and count + sizes[left[0]] / 2 <= aim:
            group = left.pop(0)
            found[(codes == group) & (splits == "train")] = name
            count += sizes[group]
    return found


def by_time(given: np.ndarray, times: np.ndarray, written: np.ndarray, config: DataConfig) -> tuple[np.ndarray, str]:
    """The split of each sample (n,) and a sentence: the latest are the test part, those before them the validation
    part. ``times`` (n,) numbers, ``written`` (n,) as they stand in the data. Samples of one time are in one part."""
    splits = np.where(given == "", "train", given).astype("<U5")
    said = []
    for name, share in wanted(given, config).items():
        free = np.flatnonzero(splits == "train")
        order = free[np.argsort(times[free], kind="stable")]
        count = round(share * len(times))
        if not 0 < count < len(order):
            continue
        start = times[order[-count]]
        if start == times[order[0]]:
            raise UserError(
                f"The latest {share:.0%} by {config.time} begin at {written[order[-count]]}, the earliest sample.",
                "Nothing would be left to train on.",
                "Lower the fractions, or split without --time.",
            )
        splits[free[times[free] >= start]] = name
        said.append(f"{name}: the latest by {config.time}, from {written[order[-count]]}")
    kept = [name for name in ("train", "val", "test") if (given == name).any()]
    said = [f"{', '.join(kept)} as given", *said] if kept else said
    return splits, "; ".join(said) or "all samples train"
