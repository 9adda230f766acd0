"""What differs between models before and after: each figure with its intervals, by class or band of the target, and the
predictions that flipped."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.statistics.intervals import crossed, resampled_means, seed_spread
from attribution.studies.retrain.result import Change
from attribution.studies.retrain.study import RetrainConfig
from attribution.tasks.figure import Figure, Reading, Said

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.studies.preview.study import PreviewConfig


def change(
    figure: Figure,
    old: Said,
    new: Said,
    targets: np.ndarray,
    config: "RetrainConfig | PreviewConfig",
    together: np.ndarray | None = None,
) -> Change:
    """A figure of s models before and s after on the same n samples, with its intervals.

    ``old`` and ``new`` hold what is said, ``(s, n)`` each. The figure is made anew on every resample of the samples,
    the same for all models, so its interval is right for roots and ratios of means, too. Samples of one group
    (``together`` (n,)) are drawn together.
    """
    terms = [figure.terms(said, targets).astype(np.float64) for said in (old, new)]  # (..., s, n)
    before, after = (np.asarray(figure.value(each.mean(axis=-1)), dtype=np.float64) for each in terms)  # (s,)
    was, now = (
        figure.value(each) for each in resampled_means(np.stack(terms), config.bootstrap, groups=_numbered(together))
    )  # (s, b)
    drawn = (now - was).T  # (b, s)
    difference = after - before
    return Change(
        reading=Reading(figure.name, figure.title, figure.unit, figure.better),
        before=tuple(float(value) for value in before),
        after=tuple(float(value) for value in after),
        difference=crossed(difference, drawn, config.level),
        test_only=crossed(difference.mean(keepdims=True), drawn.mean(axis=1, keepdims=True), config.level),
        spread=seed_spread(difference, config.level),
    )


def changes(
    figures: Iterable[Figure],
    old: Said,
    new: Said,
    targets: np.ndarray,
    config: "RetrainConfig | PreviewConfig",
    together: np.ndarray | None = None,
) -> dict[str, Change]:
    """Every figure of a task, by name; the first one decides the verdict."""
    return {figure.name: change(figure, old, new, targets, config, together) for figure in figures}


def _numbered(together: np.ndarray | None) -> np.ndarray | None:
    """Groups as numbers from 0 without a gap."""
    return None if together is None else np.asarray(np.unique(together, return_inverse=True)[1])


def target_table(
    figure: Figure,
    groups: Mapping[str, np.ndarray],
    old: Said,
    new: Said,
    targets: np.ndarray,
    config: "RetrainConfig | PreviewConfig",
    together: np.ndarray | None = None,
) -> pd.DataFrame:
    """A figure within each of ``groups``, name -> (n,) bool; columns as in ``RetrainResult.by_target``."""
    lines: list[dict[str, Any]] = []
    for name, inside in groups.items():
        if not inside.any():
            continue
        drawn = None if together is None else together[inside]
        within = change(figure, _only(old, inside), _only(new, inside), targets[inside], config, drawn)
        found = within.difference
        lines.append(
            {
                "target": name,
                "n": int(inside.sum()),
                "before": float(np.mean(within.before)),
                "after": float(np.mean(within.after)),
                "difference": found.estimate,
                "low": found.low,
                "high": found.high,
            }
        )
    return pd.DataFrame(lines, columns=["target", "n", "before", "after", "difference", "low", "high"])


def _only(said: Said, inside: np.ndarray) -> dict[str, np.ndarray]:
    return {name: values[..., inside] for name, values in said.items()}


def flip_table(dataset: "Dataset", test: np.ndarray, targets: np.ndarray, old: Said, new: Said) -> pd.DataFrame:
    """Test samples whose majority prediction became right or wrong, from what s models say ``(s, n)``; empty where
    nothing is right or wrong. Columns as in ``RetrainResult.flips``."""
    right_old, right_new = (np.asarray(said["right"], dtype=np.float64) == 1 for said in (old, new))  # (s, n)
    before, after = _majority(old), _majority(new)  # (n,)
    judged = ~np.isnan(np.asarray(old["right"], dtype=np.float64)).any(axis=0)
    fixed = judged & (before != targets) & (after == targets)
    broken = judged & (before == targets) & (after != targets)
    share = np.where(fixed, (~right_old & right_new).mean(axis=0), (right_old & ~right_new).mean(axis=0))
    table = pd.DataFrame(
        {
            "row": test.astype(np.int32),
            "id": dataset.ids[test],
            "label": targets,
            "before": before,
            "after": after,
            "kind": np.where(fixed, "fixed", "broken"),
            "seeds": share,
            "p_before": old["confidence"].mean(axis=0),
            "p_after": new["confidence"].mean(axis=0),
        }
    )[fixed | broken]
    order = np.lexsort((-np.abs(table["p_after"] - table["p_before"]), -table["seeds"]))
    return table.iloc[order].reset_index(drop=True)


def _majority(said: Said) -> np.ndarray:
    """What most models predict ``(n,)``; among equals what those that predict it are surest of."""
    predicted = np.asarray(said["prediction"])
    sure = np.nan_to_num(np.asarray(said["certainty"], dtype=np.float64))
    agree = predicted[:, None] == predicted[None]  # (s, s, n)
    votes = agree.sum(axis=1) + (agree * sure).sum(axis=1) / (1 + len(predicted))  # (s, n); the second part is below 1
    return np.take_along_axis(predicted, votes.argmax(axis=0)[None], axis=0)[0]


def flip_counts(flips: pd.DataFrame, said: Said) -> dict[str, int | None]:
    """n_fixed and n_broken; None where nothing is right or wrong."""
    judged = not np.isnan(np.asarray(said["right"], dtype=np.float64)).all()
    return {f"n_{kind}": int((flips["kind"] == kind).sum()) if judged else None for kind in ("fixed", "broken")}
