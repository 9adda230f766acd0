"""Wrong labels: run the detectors, combine them into one review queue, suggest labels, and say how many are wrong."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.needed import active_rows
from attribution.detectors import counted, defaults, detectors
from attribution.detectors.base import Detector, Evidence
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import FlagConfig, fingerprint, to_dict
from attribution.statistics.ranking import average_ranks
from attribution.storage.files import file_hash, whole_file
from attribution.storage.sums import finish
from attribution.storage.tables import write_table
from attribution.studies.meter import Meter
from attribution.studies.mislabels.estimate import estimate
from attribution.studies.mislabels.out_of_fold import TrainFold, assign_folds, fold_trainer, judgeable, out_of_fold
from attribution.studies.mislabels.result import FlagResult

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.settings.configs import TrainConfig
    from attribution.training.train import Run
    from attribution.training.trained import TrainedModel

__all__ = ["FlagResult", "combine", "flag", "suggest", "suspicion"]

FORMAT = 2  # raise when the same request would give another result than before
RULE = (
    "Mean percentile rank over {names}. Suspicion is 1 / (1 + (position / expected number of wrong labels)^2): "
    "0.5 where the queue "
    "reaches the expected number."
)


def flag(
    dataset: "Dataset",
    labels: "Labels",
    run: "Run",
    config: FlagConfig,
    out: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
    train_fold: TrainFold | None = None,
    forecast: Mapping[str, float] | None = None,
    recipe: "TrainConfig | None" = None,
) -> FlagResult:
    """Rank the active training rows by how suspicious their current label is; the result is in ``out/ID``.

    ID is the fingerprint of the model's weights, the data version and the settings: a finished search is found, an
    interrupted one goes on after its last finished fold. Detectors that the run cannot serve are left out and listed in
    ``config["skipped"]``, unless they were asked for by name: then ``UserError``. A sample whose class has no other
    different one is not judged: it comes last. ``train_fold`` stands in for training on part of the rows (tests,
    forecasts); ``forecast`` is kept in ``config["cost"]`` beside what the search took; ``recipe`` is that of the folds'
    trainings for weights that were loaded (without it there are none, and what needs them is left out). Costs
    ``config.folds`` trainings (only with the detector confident-learning), one backward pass over the data per
    checkpoint, and one for the cases. Without confident-learning, suggestions and estimate come from the model that
    trained on the labels, and the estimate is too low.
    """
    from attribution.training.trained import TrainedModel

    work = progress or Progress()
    trained = TrainedModel(dataset, labels, run, device=config.device, trusted=trusted)
    spent = Meter(str(trained.device)).start()
    active_rows(dataset, labels, "train", "Labels can only be judged against others.", least=2)
    names = list(config.detectors) or defaults()
    found: dict[str, Detector] = {name: detectors.get(name)() for name in names}
    request = {
        "format": FORMAT,
        "detectors": sorted(found),
        "run": run.id,
        "weights": file_hash(Path(run.checkpoints[-1][0])),
        "version": labels.version,
        "folds": config.folds,
        "neighbors": config.neighbors,
        "cases": config.cases,
        "seed": config.seed,
    }
    if run.loaded:
        request["recipe"] = (
            {name: value for name, value in to_dict(recipe).items() if name != "device"} if recipe else None
        )
    judged = judgeable(np.asarray(labels.values[trained.rows]), dataset.hashes[trained.rows])
    if not judged.all():
        request["not_judged"] = int((~judged).sum())
    result = FlagResult(Path(out) / fingerprint(request))
    if (result.folder / "config.json").is_file():
        return result
    fresh = not any((result.folder / "folds").glob("fold-*.npy"))
    result.folder.mkdir(parents=True, exist_ok=True)
    trainer = train_fold or fold_trainer(dataset, labels, run, recipe, result.folder / "folds", config.device, trusted)
    evidence = Evidence(trained, _folds(trained, config, trainer, result.folder, work.part(0.0, 0.7)), config.neighbors)
    values, skipped = _detect(found, evidence, bool(config.detectors), work.part(0.7, 0.85))
    held_out = "confident-learning" in values
    probabilities = evidence.out_of_fold if held_out else evidence.probabilities
    belief = (probabilities + evidence.votes) / 2
    expected = estimate(evidence.targets[judged], belief[judged], seed=config.seed)
    table = _table(evidence, values, belief, expected["mid"], judged)
    suspects = table.sort_values("position")["row"].to_numpy()[: min(config.cases, int(judged.sum()))]
    pairs = _cases(trained, suspects, work.part(0.85, 1.0))
    _write(result.folder, table, pairs, evidence.rows[evidence.nearest[0]], probabilities)
    combined = counted(values)
    cost = spent.cost(fresh, forecast)
    finish(
        result.folder,
        {
            **request,
            "detectors": {name: found[name].title for name in values},
            "skipped": skipped,
            "combined": combined,
            "rule": RULE.format(names=", ".join(combined)),
            "held_out": held_out,
            "estimate": expected,
            **({"neighbors_recall": evidence.recall} if evidence.recall < 1 else {}),
            "n_train": len(evidence.rows),
            "seconds_s": cost["seconds_s"],
            "cost": cost,
        },
    )
    for path in (result.folder / "folds").glob("fold-*.npy"):
        path.unlink()
    work.update(1, 1, "done")
    return result


def _folds(
    trained: "TrainedModel", config: FlagConfig, trainer: TrainFold, folder: Path, progress: Progress
) -> Callable[[], np.ndarray]:
    def compute() -> np.ndarray:
        rows = trained.rows
        given = np.asarray(trained.labels.values[rows])
        folds = assign_folds(given, trained.dataset.hashes[rows], min(config.folds, len(rows)), config.seed)
        return out_of_fold(given, folds, rows, len(trained.dataset.info.classes), trainer, folder / "folds", progress)

    return compute


def _detect(
    found: dict[str, Detector], evidence: Evidence, asked_by_name: bool, progress: Progress
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    values: dict[str, np.ndarray] = {}
    skipped: dict[str, str] = {}
    for done, (name, detector) in enumerate(found.items()):
        progress.update(done, len(found), detector.title.lower())
        try:
            column = detector.values(evidence)
        except UserError as problem:
            if asked_by_name:
                raise
            skipped[name] = str(problem)
            continue
        if not np.isfinite(column).all():
            bad = evidence.rows[~np.isfinite(column)]
            raise UserError(
                f"{detector.title} is not a finite number for {len(bad):,} samples, the first is "
                f"{evidence.trained.dataset.ids[bad[0]]}.",
                "The model's loss or gradients overflow there.",
                "Look at the training metrics; a lower learning rate usually helps.",
            )
        values[name] = column
    return values, skipped


def combine(values: dict[str, np.ndarray]) -> np.ndarray:
    """Mean percentile rank (n,) in 0..1 over the detectors that count in the queue (all, if none of them does): 1 =
    most suspicious to every one."""
    names = counted(values)
    n = len(values[names[0]])
    return np.mean([(average_ranks(values[name]) - 0.5) / n for name in names], axis=0)


def suspicion(position: np.ndarray, expected: float) -> np.ndarray:
    """0..1 from the place in the queue (1 = first): 0.5 where the queue reaches the expected number of wrong labels."""
    return 1 / (1 + (position / max(1.0, expected)) ** 2)


def suggest(labels: np.ndarray, belief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The likeliest other label (n,) int32 and its probability (n,) float32.

    ``belief`` (n, c): half the word has the model that did not train on the sample, half have its neighbours. The given
    label keeps its share, so a suggestion below 0.5 is weaker than all the other labels together.
    """
    others = belief.copy()
    others[np.arange(len(labels)), labels] = -1
    best = others.argmax(1)
    return best.astype(np.int32), belief[np.arange(len(labels)), best].astype(np.float32)


def _table(
    evidence: Evidence, values: dict[str, np.ndarray], belief: np.ndarray, expected: float, judged: np.ndarray
) -> "pd.DataFrame":
    """The queue; rows that are not ``judged`` (n,) come last, with suspicion 0."""
    import pandas as pd

    n = len(evidence.rows)
    columns: dict[str, Any] = {"row": evidence.rows.astype(np.int32), "id": evidence.trained.dataset.ids[evidence.rows]}
    columns["label"] = evidence.targets.astype(np.int32)
    for name, column in values.items():
        columns[name] = column
        columns[f"rank:{name}"] = (n + 1 - average_ranks(column)).round().astype(np.int32)
    score = combine(values)
    position = np.empty(n, dtype=np.int32)
    position[np.lexsort((evidence.rows, -score, ~judged))] = np.arange(1, n + 1)
    columns["suspicion"] = np.where(judged, suspicion(position, expected), 0).astype(np.float32)
    columns["position"] = position
    columns["judged"] = judged
    columns["suggested"], columns["suggested_p"] = suggest(evidence.targets, belief)
    return pd.DataFrame(columns)


def _cases(trained: "TrainedModel", suspects: np.ndarray, progress: Progress) -> "pd.DataFrame":
    from attribution.studies.mislabels.cases import cases

    return cases(trained, suspects, progress)


def _write(
    folder: Path, table: "pd.DataFrame", pairs: "pd.DataFrame", neighbors: np.ndarray, probabilities: np.ndarray
) -> None:
    for name, frame in (("detectors", table), ("cases", pairs)):
        write_table(folder / f"{name}.parquet", frame)
    for name, array in (("neighbors", neighbors.astype(np.int32)), ("out_of_fold", probabilities.astype(np.float32))):
        with whole_file(folder / f"{name}.npy") as temporary, open(temporary, "wb") as stream:
            np.save(stream, array, allow_pickle=False)
