"""A preview of edits for people: what it would start from, its figures, and how they compare with real retraining."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.statistics.intervals import Interval, spearman_interval
from attribution.views import comparison
from attribution.views.numbers import duration, percent, plural, three_digits

if TYPE_CHECKING:
    from attribution.studies.preview.result import PreviewResult
    from attribution.studies.retrain.result import RetrainResult
    from attribution.views.faces import Face

VARIANTS = {
    "if": "All parameters (if)",
    "gif": "Generalized (gif)",
    "fif": "Others frozen (fif)",
    "pif": "Projected (pif)",
    "ip": "Plain gradient (ip)",
}
CAVEAT = (
    "An approximation: the model in use is moved a few steps towards the edited data, nothing is trained again. It is "
    "one model, so the interval covers the choice of test samples and not the chance in training. Retraining is the "
    "proof. A size is stated only where a preview was checked against it in this project."
)


def edit_table(preview: "PreviewResult", face: "Face", limit: int = 25) -> pd.DataFrame:
    """The edits by how much they are expected to matter to the mean test loss, the largest first: ``order``, ``id``,
    ``edit``, ``expected``.

    The order of a first-order sum over checkpoints, without its size (see ``attribution.studies.retrain.predicted``);
    empty where it was not kept.
    """
    acted = preview.acted()
    if acted.empty:
        return pd.DataFrame(columns=["order", "id", "edit", "expected"])
    top = acted.reindex(acted["predicted"].abs().sort_values(ascending=False, kind="stable").index).head(limit)
    words = [
        f"{face.word(line.before)} → {face.word(line.after)}"
        if line.action == "relabelled" or face.bare(line.before)
        else f"{face.word(line.before)}, {line.action}"
        for line in top.itertuples()
    ]
    expected = np.where(top["predicted"] < 0, "helps", np.where(top["predicted"] > 0, "harms", "nothing"))
    return pd.DataFrame(
        {"order": range(1, len(top) + 1), "id": top["id"].to_numpy(), "edit": words, "expected": expected}
    )


def variant_words(name: str) -> str:
    """A variant as it stands in the list to choose from."""
    return VARIANTS.get(name, name)


def newest_for(previews: "Sequence[PreviewResult]", run: str, version: str) -> "PreviewResult | None":
    """The newest preview of this model for these labels."""
    return next((one for one in previews if (one.run, one.version) == (run, version)), None)


def real_for(preview: "PreviewResult", comparisons: "Sequence[RetrainResult]") -> "RetrainResult | None":
    """The newest real retraining between the same two versions."""
    versions = (preview.before_version, preview.version)
    return next(
        (one for one in comparisons if (one.config["before_version"], one.config["after_version"]) == versions), None
    )


def cost_words(preview: "PreviewResult") -> str:
    """What it took and how it was made: "4.2 s, 6 steps, 4.4 % of the parameters could move"."""
    figures = preview.counts
    words = (
        f"{duration(preview.seconds_s)}, {plural(len(preview.steps), 'step')}, {percent(figures['share'])} of "
        "the parameters could move"
    )
    return f"{words} ({variant_words(preview.asked.variant)}). It ended because {figures['stopped']}."


def figures(preview: "PreviewResult") -> list[dict[str, str]]:
    """The figures on top: ``label``, ``value``, ``delta``, ``help``."""
    counts = preview.counts
    over = f"{counts['n_test']:,} test samples"
    cells = comparison.cells(preview.changes.values(), "The model in use, before and after the steps", over)
    if counts["n_fixed"] is None:
        return cells
    return [
        *cells,
        {
            "label": "Put right / broken",
            "value": f"{counts['n_fixed']:,} / {counts['n_broken']:,}",
            "delta": f"of {counts['n_test']:,} test samples",
            "help": "Predictions that were wrong before and right after, and the other way round.",
        },
    ]


def side_by_side(preview: "PreviewResult", real: "RetrainResult") -> pd.DataFrame:
    """Both answers, a line per figure: ``figure``, ``preview``, ``retrained``, each a change with its interval."""
    lines = [
        {
            "figure": f"change of test {guess.reading.title}",
            "preview": comparison.change_words(guess.reading, guess.difference),
            "retrained": comparison.change_words(guess.reading, real.changes[name].difference),
        }
        for name, guess in preview.changes.items()
        if name in real.changes
    ]
    counts = preview.counts
    if counts["n_fixed"] is not None:
        lines += [
            {"figure": "predictions put right", "preview": f"{counts['n_fixed']:,}", "retrained": f"{real.n_fixed:,}"},
            {"figure": "predictions broken", "preview": f"{counts['n_broken']:,}", "retrained": f"{real.n_broken:,}"},
        ]
    return pd.DataFrame(lines)


def paired(preview: "PreviewResult", real: "RetrainResult") -> pd.DataFrame:
    """Each test sample's change of loss, previewed and real (mean over seeds): ``row``, ``predicted``,
    ``actual``."""
    return preview.predicted().merge(real.predicted()[["row", "actual"]], on="row")


def rank_correlation(pairs: pd.DataFrame, resamples: int = 500) -> Interval:
    """Spearman's rank correlation of predicted against real changes, with its interval over test samples."""
    return spearman_interval(pairs["predicted"].to_numpy(np.float64), pairs["actual"].to_numpy(np.float64), resamples)


def agreement_words(rank: Interval, real: "RetrainResult") -> str:
    """How well the preview foresaw which test samples gain."""
    sure = f"{three_digits(rank.low, True)} to {three_digits(rank.high, True)}"
    kind = "well" if rank.low > 0.5 else "partly" if rank.low > 0 else "not"
    start = "The preview did not foresee" if kind == "not" else f"The preview {kind} foresaw"
    return (
        f"{start} which test samples gain: rank correlation {three_digits(rank.estimate, True)} ({sure}) with the real "
        f"change of loss, mean over {plural(len(real.seeds), 'seed')}."
    )
