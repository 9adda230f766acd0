"""Usefulness: labels are set wrong in a copy, a model is trained on it, and detectors and estimators look for them."""

from dataclasses import replace

import numpy as np

from attribution.detectors import counted, defaults
from attribution.progress import Progress
from attribution.studies.bench import planted, recommend
from attribution.studies.bench.parts.state import Bench
from attribution.studies.mislabels.out_of_fold import fold_trainer
from attribution.studies.mislabels.queue import combine
from attribution.studies.mislabels.search import held_out_predictions
from attribution.studies.mislabels.study import FlagConfig


def usefulness(at: Bench, work: Progress) -> None:
    """How well each detector and estimator finds the labels that were set wrong."""
    import pandas as pd

    from attribution.training.train import train

    config = at.config
    kind = at.dataset.task.kind
    sandbox, truth = planted.plant(at.dataset, at.labels, config.planted_share, config.seed)
    recipe = replace(at.recipe, device=config.device)
    place = at.home / "bench"
    word = "Usefulness: training on planted labels"
    run = train(at.dataset, sandbox, at.model, recipe, place / "runs", work.part(0.0, 0.15, word), trusted=at.trusted)
    trained = at.trained(sandbox, run)
    given = np.asarray(sandbox.values[at.rows])

    flags = FlagConfig(device=config.device, seed=config.seed)
    scratch = place / "folds" / sandbox.version
    trainer = fold_trainer(at.dataset, sandbox, run, None, scratch, config.device, at.trusted)
    held_out = held_out_predictions(trained, flags, trainer, scratch, work.part(0.15, 0.7, "Usefulness"))
    found, skipped = planted.by_detectors(trained, list(config.detectors) or defaults(kind), held_out)
    values = {each.name: each.values for each in found}
    if values:
        names = counted(values)
        spent_s = sum(each.seconds_s for each in found if each.name in names)
        found.append(planted.Found("queue", "combined", combine(values), spent_s))
    more, also = planted.by_estimators(trained, at.usable, config.seed, work.part(0.7, 0.9, "Usefulness"))
    at.told["skipped"] |= {f"{name} (wrong labels)": why for name, why in (skipped | also).items()}
    taken = {each.name for each in found}
    more = [replace(each, name=f"{each.name} (estimator)") if each.name in taken else each for each in more]
    if not any(each.name == recommend.CONTROL for each in more):  # without validation samples no estimator is asked
        chance = np.random.default_rng([config.seed, 6])
        more.append(planted.Found(recommend.CONTROL, "estimator", chance.normal(size=len(given)), 0.0))
    work.update(0.9, 1, "intervals")
    at.write(
        "usefulness",
        planted.table([*found, *more], given if kind == "class" else None, truth, config.budget, config.seed),
    )
    columns = {each.name: each.values for each in [*found, *more]}
    at.write("planted", pd.DataFrame({"row": at.rows, "label": given, "planted": truth, **columns}))
