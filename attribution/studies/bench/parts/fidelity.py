"""Fidelity: does an estimator tell what retraining does? By subsets (LDS), by single samples, by the k most helpful."""

from dataclasses import replace

import numpy as np

from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.datamodels import ridge
from attribution.progress import Progress
from attribution.statistics.intervals import paired_bootstrap
from attribution.studies.bench import agreement as agree
from attribution.studies.bench import lds, leave_one_out, recommend
from attribution.studies.bench import removal as removals
from attribution.studies.bench.parts.state import Bench
from attribution.training.subsets import Subsets

LEFT_OUT = 100  # training samples left out one by one


def fidelity(at: Bench, work: Progress) -> None:
    """The linear datamodeling score of every estimator, true leave-one-out where there is one, and removal where it was
    asked for."""
    import pandas as pd

    share = 0.6 if at.config.removal_k else 0.95
    subsets = subsets_of(at).grow(
        at.dataset,
        at.labels,
        at.config.subsets,
        work.part(0.0, share, "Fidelity"),
        trusted=at.trusted,
        device=at.config.device,
    )
    lines, each = [], []
    for measure in ("loss", "margin"):
        values, drawn = lds_by_estimator(at, subsets, measure)
        for name in at.usable:
            found = lds.interval(values[name].mean(), drawn[name])
            above = recommend.difference(means(values), drawn, name, recommend.CONTROL)
            line = {"estimator": name, "measure": measure, "lds": found.estimate, "low": found.low, "high": found.high}
            line |= {"above_random": above.estimate, "above_low": above.low, "above_high": above.high}
            lines.append({**line, "subsets": subsets.count, "queries": len(at.queries)})
            each.append(
                pd.DataFrame({"estimator": name, "measure": measure, "query_row": at.queries, "lds": values[name]})
            )
    at.write("fidelity", pd.DataFrame(lines))
    at.write("lds_queries", pd.concat(each, ignore_index=True))
    _leave_one_out(at, work)
    if at.config.removal_k:
        _removal(at, work.part(share, 1.0, "Fidelity"))


def subsets_of(at: Bench) -> Subsets:
    """The models trained on random subsets that this bench measures with, as far as they are there."""
    return Subsets.at(
        at.home / "subsets",
        at.dataset,
        at.labels,
        at.model,
        at.recipe,
        share=at.config.share,
        repeats=at.config.repeats,
    )


def lds_by_estimator(at: Bench, subsets: Subsets, measure: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Per-query LDS (q,) and paired resampled means (r,) by estimator."""
    members = subsets.members()
    outputs = -subsets.losses(at.queries, at.asked) if measure == "loss" else subsets.margins(at.queries, at.asked)
    predicted = {
        name: lds.cross_fitted(members, outputs, ridge)
        if from_subsets(name)
        else lds.summed(members, at.matrices[name])
        for name in at.usable
    }
    values = {name: np.nan_to_num(lds.per_query(each, outputs)) for name, each in predicted.items()}
    return values, {name: lds.draws(each, outputs, seed=at.config.seed) for name, each in predicted.items()}


def from_subsets(name: str) -> bool:
    """Whether an estimator learns from the very models that the LDS is measured with."""
    return bool(getattr(estimators.get(name), "from_subsets", False))


def means(values: dict[str, np.ndarray]) -> dict[str, float]:
    """The mean over the queries, by estimator."""
    return {name: float(each.mean()) for name, each in values.items()}


def _leave_one_out(at: Bench, work: Progress) -> None:
    """True leave-one-out of ``LEFT_OUT`` samples, where the model is one linear layer; silently none elsewhere."""
    import pandas as pd

    trained = at.trained(at.labels, at.run)
    try:
        fit = leave_one_out.as_linear(trained)
    except UserError:
        return
    left_out = np.sort(np.random.default_rng([at.config.seed, 4]).permutation(len(at.rows))[:LEFT_OUT])
    truth = leave_one_out.leave_one_out(fit, left_out, leave_one_out.inputs(trained, at.queries), work.part(0.95, 1.0))
    lines = []
    for name in at.usable:
        found = at.matrices[name][left_out].astype(np.float64)
        pearson = np.array([_pearson(a, b) for a, b in zip(found.T, truth.T, strict=True)])
        sure = paired_bootstrap(pearson, seed=at.config.seed)
        line = {"estimator": name, "pearson": sure.estimate, "low": sure.low, "high": sure.high}
        lines.append(
            {
                **line,
                "spearman": float(agree.rank_correlation(found, truth).mean()),
                "samples": len(left_out),
                "queries": len(at.queries),
            }
        )
    at.write("leave_one_out", pd.DataFrame(lines))


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def _removal(at: Bench, work: Progress) -> None:
    chosen = np.sort(
        np.random.default_rng([at.config.seed, 5]).permutation(len(at.queries))[: at.config.removal_queries]
    )
    trained = removals.Retrained(
        at.home / "bench" / "removals",
        at.dataset,
        at.labels,
        at.model,
        replace(at.recipe, device=at.config.device),
        trusted=at.trusted,
    )
    some = {name: at.matrices[name][:, chosen] for name in at.usable}
    table = removals.removal(
        some, at.rows, [int(row) for row in at.queries[chosen]], at.config.removal_k, trained, work
    )
    at.write("removal_queries", table)
    at.write("removal", removals.summary(table, at.config.seed))
