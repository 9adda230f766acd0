"""Stability: do the same estimators say the same of models trained with other seeds?"""

from dataclasses import replace

import numpy as np

from attribution.progress import Progress
from attribution.settings.configs import ScoreConfig
from attribution.statistics.intervals import paired_bootstrap
from attribution.studies.bench import agreement as agree
from attribution.studies.bench.parts.state import Bench


def stability(at: Bench, work: Progress) -> None:
    """Each estimator's influences on models of other seeds, compared with those on this one."""
    import pandas as pd

    from attribution.training.train import run_fingerprint, train

    seeds = [seed for seed in dict.fromkeys(at.config.seeds) if seed != at.run.config["seed"]] or [
        int(at.run.config["seed"]) + 1
    ]
    pairs: dict[str, list[np.ndarray]] = {name: [] for name in at.usable}
    shared: dict[str, list[np.ndarray]] = {name: [] for name in at.usable}
    for index, seed in enumerate(seeds):
        part = work.part(index / len(seeds), (index + 1) / len(seeds), f"Stability: seed {seed}")
        recipe = replace(at.recipe, seed=seed, device=at.config.device)
        own = at.home / "runs" / run_fingerprint(at.dataset, at.labels, at.model, recipe) / "config.json"
        runs = at.home / "runs" if own.is_file() else at.home / "bench" / "runs"
        other = train(
            at.dataset, at.labels, at.model, recipe, runs, part.part(0.0, 0.5), trusted=at.trusted, dynamics=False
        )
        for done, name in enumerate(at.usable):
            config = ScoreConfig(estimator=name, device=at.config.device, seed=at.config.seed + 1 + index)
            slot = part.part(
                0.5 + 0.5 * done / len(at.usable),
                0.5 + 0.5 * (done + 1) / len(at.usable),
                f"Stability: {name}, seed {seed}",
            )
            found = at.score(other, config, at.home / "bench", slot)
            matrix = found.matrix()
            assert matrix is not None  # by the bench's check of the size
            pairs[name].append(agree.rank_correlation(at.matrices[name], matrix[1]))
            shared[name].append(agree.overlap(at.matrices[name], matrix[1], at.config.k))
    lines = []
    for name in at.usable:
        sure = paired_bootstrap(np.mean(pairs[name], axis=0), seed=at.config.seed)
        line = {"estimator": name, "spearman": sure.estimate, "low": sure.low, "high": sure.high}
        lines.append({**line, "overlap": float(np.mean(shared[name])), "runs": len(seeds), "queries": len(at.queries)})
    at.write("stability", pd.DataFrame(lines))
