"""The bench as a job: every chosen estimator side by side, part by part, each written as soon as it is done.

    result = project.compare(BenchConfig())

What it trains and scores is kept by content and reused: subsets in ``NAME/subsets``, score runs in ``NAME/scores``, and
what belongs to no other page (models on planted labels, of other seeds, without some samples) in ``NAME/bench``.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.estimators import estimators, in_place
from attribution.progress import Progress
from attribution.settings.configs import to_dict
from attribution.storage.files import file_hash, write_json
from attribution.studies.base import Context, Request
from attribution.studies.bench import recommend
from attribution.studies.bench.cost import cost_by_subsets
from attribution.studies.bench.parts.conclusion import conclude
from attribution.studies.bench.parts.fidelity import fidelity, from_subsets, subsets_of
from attribution.studies.bench.parts.scores import agreement, score_all
from attribution.studies.bench.parts.stability import stability
from attribution.studies.bench.parts.state import Bench
from attribution.studies.bench.parts.usefulness import usefulness
from attribution.studies.bench.result import BenchResult
from attribution.studies.bench.study import BenchConfig
from attribution.studies.influence import run as pipeline
from attribution.training.run import Run

if TYPE_CHECKING:
    import pandas as pd


FORMAT = 2
PARTS = ("cost", "agreement", "fidelity", "usefulness", "stability")  # in the order of the work: the quick ones first
WORK = {"agreement": agreement, "fidelity": fidelity, "usefulness": usefulness, "stability": stability}


def request(context: Context, config: BenchConfig) -> Request:
    """The model, the estimators, the predictions asked about (``choose_queries``) and what is measured. ``UserError``
    where all of them are dropped, and where a score run would keep summaries alone."""
    labels, run = context.labels, context.asked
    queries = _queries(context, config)
    parts = _check(config, context.dataset.task.targets.correctable)
    n_train = len(labels.train_rows(context.dataset))
    _check_size(n_train, len(queries))
    asked = config.estimators or in_place("compared", context.dataset.task.kind)
    names = [*(name for name in dict.fromkeys(asked) if name != recommend.CONTROL), recommend.CONTROL]
    for name in names:
        estimators.get(name)
    settings = {
        name: value for name, value in to_dict(config).items() if name not in ("device", "run", "parts", "estimators")
    }
    said = {
        "format": FORMAT,
        "run": run.id,
        "weights": [file_hash(Path(path)) for path, _ in run.checkpoints],
        "version": labels.version,
        "estimators": names,
        "queries": [int(row) for row in queries],
        "parts": parts,
        "bench": settings,
        "n_train": n_train,
    }
    return Request(said, ("bench", said), ready=queries)


def _queries(context: Context, config: BenchConfig) -> np.ndarray:
    rows = context.rows(config.queries, context.run)
    rows = rows[context.labels.active[rows]]
    if not len(rows):
        raise UserError(
            "All samples that would be asked about are dropped.",
            "Nothing is left to compare by.",
            "Keep some, or ask about others.",
        )
    return choose_queries(rows, _well(context, rows), config.count, config.seed)


def _well(context: Context, rows: np.ndarray) -> np.ndarray:
    """Which of these rows (q,) the model predicts right; of numbers and texts, which better than half of them."""
    task = context.dataset.task
    if task.kind not in ("number", "text"):
        return context.right(rows, context.asked)
    loss = task.said_kept(context.asked.outputs()[rows], context.labels.values[rows])["loss"]
    return np.asarray(loss <= np.median(loss))


def compute(context: Context, config: BenchConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Measure the parts asked for, each written as soon as it is done.

    An interrupted bench goes on after its last finished part, and with its next untrained model. Cost: one scoring per
    estimator, then per part fidelity ``subsets * repeats`` trainings on a share of the data, usefulness one training
    and its folds, stability one training per seed. An estimator or detector that the model cannot serve is left out
    and listed in ``summary["skipped"]``.
    """
    parts = asked.said["parts"]
    write_json(out / "request.json", asked.said)
    at = Bench(context, config, np.asarray(asked.ready, dtype=np.int64), BenchResult(out))
    at.told["notes"] = _notes(context.asked, context.labels)
    shares = _shares(parts)
    if any(from_subsets(name) for name in asked.said["estimators"]):
        subsets_of(at).grow(
            context.dataset,
            context.labels,
            config.subsets,
            work.part(0.0, shares["cost"][1] / 2),
            trusted=context.trusted,
            device=config.device,
        )
    score_all(at, work.part(*shares["cost"]))
    conclude(at)
    for part in (part for part in parts if part != "cost"):
        if part not in at.told["done"]:
            WORK[part](at, work.part(*shares[part], prefix=part.capitalize()))
            at.told["done"].append(part)
            conclude(at)
    return {"finished_at": time.time()}


def cost(context: Context, config: BenchConfig) -> "pd.DataFrame":
    """What more subsets would cost and how narrow the LDS interval would get (``cost.cost_by_subsets``)."""
    return cost_by_subsets(context, config)


def _notes(run: Run, labels: "Labels") -> list[str]:
    """What a reader should know of the model that was asked."""
    notes = []
    if run.config.get("source") == "loaded":
        notes.append(
            "The model was loaded, so its own recipe is not known: what is retrained here follows the project's recipe."
        )
    if run.version != labels.version:
        notes.append(
            "Labels changed after the model was trained: it is asked as it is, and what is retrained follows the "
            "current labels."
        )
    return notes


def _check(config: BenchConfig, correctable: bool) -> list[str]:
    """The parts to measure; no wrong targets can be planted where none is ``correctable``."""
    if "fidelity" in config.parts and config.subsets < 4:
        raise UserError(
            f"{config.subsets} subsets cannot be ranked.",
            "The linear datamodeling score is a rank correlation over them.",
            "Train at least 8.",
        )
    return [part for part in PARTS if part in config.parts and (correctable or part != "usefulness")]


def _check_size(n_train: int, n_queries: int) -> None:
    """``UserError`` where a score run would keep summaries alone."""
    most = pipeline.DENSE_LIMIT_BYTES // (4 * max(1, n_train))
    if n_queries > most:
        raise UserError(
            f"The influences of {n_train:,} training samples on {n_queries:,} queries take more than "
            f"{pipeline.DENSE_LIMIT_BYTES >> 20} MiB.",
            "Estimators are compared pair by pair, and of so many only summaries are kept.",
            f"Ask at most {most:,} queries (`--count`).",
        )


def _shares(parts: list[str]) -> dict[str, tuple[float, float]]:
    """The slice of the progress bar of every part, by rough weights."""
    weights = {"cost": 2.0, "agreement": 0.2, "fidelity": 8.0, "usefulness": 5.0, "stability": 2.0}
    wanted = ["cost", *(part for part in parts if part != "cost")]
    place = 0.0
    found = {}
    total = sum(weights[part] for part in wanted)
    for part in wanted:
        found[part] = (place, place + weights[part] / total)
        place = found[part][1]
    return found


def choose_queries(rows: np.ndarray, correct: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """``count`` of ``rows``, ascending: half of them predicted wrong (fewer when there are not enough), the others
    right, drawn by seed."""
    chance = np.random.default_rng([seed, 3])
    wrong = chance.permutation(rows[~correct])
    right = chance.permutation(rows[correct])
    first = wrong[: max(count - len(right), min(len(wrong), count // 2))]
    return np.sort(np.concatenate([first, right[: count - len(first)]]))
