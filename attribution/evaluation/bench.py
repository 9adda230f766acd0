"""The bench as a job: every chosen estimator side by side, part by part, each written as soon as it is done.

    result = bench(dataset, labels, run, model, recipe, BenchConfig(), rows, Path("NAME"))

What it trains and scores is kept by content and reused: subsets in ``NAME/subsets``, score runs in ``NAME/scores``, and what belongs to no
other page (models on planted labels, of other seeds, without some samples) in ``NAME/bench``.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.config import BenchConfig, FlagConfig, ModelConfig, ScoreConfig, TrainConfig, fingerprint, to_dict
from attribution.detectors import defaults
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators.datamodels import ridge
from attribution.evaluation import agreement as agree
from attribution.evaluation import lds, leave_one_out, planted, recommend
from attribution.evaluation import removal as removals
from attribution.evaluation.memory import PeakMemory
from attribution.evaluation.result import BenchResult
from attribution.findings.mislabels import COMBINED, combine
from attribution.findings.out_of_fold import assign_folds, fold_trainer, out_of_fold
from attribution.progress import Progress
from attribution.runs import Run
from attribution.scoring import ScoreResult, score
from attribution.statistics import paired_bootstrap
from attribution.storage.files import file_hash, read_json, write_json
from attribution.storage.tables import write_table
from attribution.subsets import Subsets

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.subject import Subject

FORMAT = 2
EVERYDAY = ("ip", "cosine", "tracin", "forward-inf", "trak", "ekfac")
PARTS = ("cost", "agreement", "fidelity", "usefulness", "stability")  # in the order of the work: the quick ones first
LEFT_OUT = 100  # training samples left out one by one


@dataclass
class Bench:
    """One bench at work: the question, where things are kept, and the scores once they are made."""

    dataset: "Dataset"
    labels: "Labels"
    run: Run
    model: ModelConfig
    recipe: TrainConfig
    config: BenchConfig
    queries: np.ndarray
    home: Path
    result: BenchResult
    trusted: bool

    def __post_init__(self) -> None:
        self.rows = self.labels.train_rows(self.dataset)
        self.asked = self.labels.values[self.queries]
        path = self.result.folder / "bench.json"
        empty: dict[str, Any] = {"done": [], "skipped": {}, "notes": [], "recommendation": []}
        self.told: dict[str, Any] = read_json(path) if path.is_file() else empty
        self.matrices: dict[str, np.ndarray] = {}

    def subject(self, labels: "Labels", run: Run) -> "Subject":
        from attribution.subject import Subject

        return Subject(self.dataset, labels, run, device=self.config.device, trusted=self.trusted)

    def write(self, name: str, table: "pd.DataFrame") -> None:
        write_table(self.result.folder / f"{name}.parquet", table)

    def skip(self, name: str, problem: UserError) -> None:
        self.told["skipped"][name] = str(problem)

    @property
    def usable(self) -> list[str]:
        """The estimators that gave scores."""
        return [name for name in self.result.estimators if name in self.matrices]


def bench(
    dataset: "Dataset",
    labels: "Labels",
    run: Run,
    model: ModelConfig,
    recipe: TrainConfig,
    config: BenchConfig,
    queries: np.ndarray,
    home: Path,
    progress: Progress | None = None,
    *,
    trusted: bool = False,
) -> BenchResult:
    """Measure the parts asked for and write ``home/benches/ID``, where ID is the fingerprint of the run's weights, the labels and the settings.

    ``model`` and ``recipe`` are what retraining uses; ``queries`` are rows (see ``choose_queries``). A finished bench is returned at once,
    an interrupted one goes on after its last finished part, and with its next untrained model. Cost: one scoring per estimator, then per part
    fidelity ``subsets * repeats`` trainings on a share of the data, usefulness one training and its folds, stability one training per seed.
    An estimator or detector that the model cannot serve is left out and listed in ``summary["skipped"]``.
    """
    work, started_s = progress or Progress(), time.perf_counter()
    parts = _check(config)
    names = [name for name in dict.fromkeys(config.estimators or EVERYDAY) if name != recommend.CONTROL] + [recommend.CONTROL]
    for name in names:
        estimators.get(name)
    settings = {name: value for name, value in to_dict(config).items() if name not in ("device", "run", "parts", "estimators")}
    request = {
        "format": FORMAT,
        "run": run.id,
        "weights": [file_hash(Path(path)) for path, _ in run.checkpoints],
        "version": labels.version,
        "estimators": names,
        "queries": [int(row) for row in queries],
        "parts": parts,
        "bench": settings,
        "n_train": len(labels.train_rows(dataset)),
    }
    result = BenchResult(Path(home) / "benches" / fingerprint("bench", request))
    if result.finished:
        return result
    write_json(result.folder / "request.json", request)
    at = Bench(dataset, labels, run, model, recipe, config, np.asarray(queries, dtype=np.int64), Path(home), result, trusted)
    at.told["notes"] = _notes(run, labels)
    shares = _shares(parts)
    if any(_from_subsets(name) for name in names):
        _subsets(at).grow(dataset, labels, config.subsets, work.part(0.0, shares["cost"][1] / 2), trusted=trusted, device=config.device)
    _score_all(at, work.part(*shares["cost"]))
    for part in (part for part in parts if part != "cost"):
        if part not in at.told["done"]:
            WORK[part](at, work.part(*shares[part], prefix=part.capitalize()))
            at.told["done"].append(part)
            _conclude(at)
    write_json(result.folder / "config.json", {**request, "seconds_s": time.perf_counter() - started_s, "finished_at": time.time()})
    work.update(1, 1, next(iter(result.recommendation), "measured"))
    return result


def _notes(run: Run, labels: "Labels") -> list[str]:
    """What a reader should know of the model that was asked."""
    notes = []
    if run.config.get("source") == "loaded":
        notes.append("The model was loaded, so its own recipe is not known: what is retrained here follows the project's recipe.")
    if run.version != labels.version:
        notes.append("Labels changed after the model was trained: it is asked as it is, and what is retrained follows the current labels.")
    return notes


def choose_queries(rows: np.ndarray, correct: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """``count`` of ``rows``, ascending: half of them predicted wrong (fewer when there are not enough), the others right, drawn by seed."""
    chance = np.random.default_rng([seed, 3])
    wrong, right = chance.permutation(rows[~correct]), chance.permutation(rows[correct])
    first = wrong[: max(count - len(right), min(len(wrong), count // 2))]
    return np.sort(np.concatenate([first, right[: count - len(first)]]))


def _check(config: BenchConfig) -> list[str]:
    unknown = [part for part in config.parts if part not in PARTS]
    if unknown or not config.parts:
        raise UserError(
            f"There is no part {', '.join(unknown) or '(none given)'}.", "Nothing would be measured.", f"Choose of: {', '.join(PARTS)}."
        )
    if "fidelity" in config.parts and config.subsets < 4:
        raise UserError(
            f"{config.subsets} subsets cannot be ranked.",
            "The linear datamodeling score is a rank correlation over them.",
            "Train at least 8.",
        )
    return [part for part in PARTS if part in config.parts]


def _shares(parts: list[str]) -> dict[str, tuple[float, float]]:
    """The slice of the progress bar of every part, by rough weights."""
    weights = {"cost": 2.0, "agreement": 0.2, "fidelity": 8.0, "usefulness": 5.0, "stability": 2.0}
    wanted, place, found = ["cost", *(part for part in parts if part != "cost")], 0.0, {}
    total = sum(weights[part] for part in wanted)
    for part in wanted:
        found[part] = (place, place + weights[part] / total)
        place = found[part][1]
    return found


# --- scores and cost -------------------------------------------------------------------------------------------------------------


def _score_all(at: Bench, work: Progress) -> None:
    """Every estimator's influences; what they cost is kept as soon as each is there."""
    import pandas as pd

    known = at.result.cost.set_index("estimator")["peak_mib"].to_dict()
    lines: list[dict[str, Any]] = []
    for done, name in enumerate(at.result.estimators):
        part = work.part(done / len(at.result.estimators), (done + 1) / len(at.result.estimators), f"Scoring with {name}")
        try:
            found, peak_mib = _scored(at, name, part)
        except UserError as problem:
            at.skip(name, problem)
            continue
        peak_mib = known.get(name, peak_mib)
        at.matrices[name] = found.matrix()[1]  # type: ignore[index]
        facts = {"seconds_s": found.config["seconds_s"], "peak_mib": peak_mib, "forward_passes": found.config["forward_passes"]}
        lines.append({"estimator": name, **facts, "score": found.id})
        at.write("cost", pd.DataFrame(lines))
    if "cost" in at.result.parts and "cost" not in at.told["done"]:
        at.told["done"].append("cost")
    _conclude(at)


def _scored(at: Bench, name: str, work: Progress) -> tuple[ScoreResult, float]:
    """The score run of the bench's queries and its extra memory in MiB; NaN when it was there already."""
    config = ScoreConfig(estimator=name, device=at.config.device, seed=at.config.seed)
    before, out = time.time(), at.home / "scores"
    with PeakMemory() as peak:
        found = score(at.dataset, at.labels, at.run, config, at.queries, out, work, trusted=at.trusted)
    if not found.dense:
        raise UserError(
            "The scores of all pairs do not fit.", "They are compared pair by pair.", f"Ask about fewer than {len(at.queries)} predictions."
        )
    fresh = (found.folder / "config.json").stat().st_mtime >= before - 1
    return found, peak.mib if fresh else float("nan")


# --- the parts -------------------------------------------------------------------------------------------------------------------


def _agreement(at: Bench, work: Progress) -> None:
    some = {name: at.matrices[name] for name in at.usable}
    asked = [int(row) for row in at.queries]
    at.write("agreement", agree.agreement(some, asked, at.config.k))
    at.write(
        "disagreements", agree.disagreements({name: value for name, value in some.items() if name != recommend.CONTROL}, at.rows, asked)
    )


def _subsets(at: Bench) -> Subsets:
    return Subsets.at(at.home / "subsets", at.dataset, at.labels, at.model, at.recipe, share=at.config.share, repeats=at.config.repeats)


def _fidelity(at: Bench, work: Progress) -> None:
    import pandas as pd

    share = 0.6 if at.config.removal_k else 0.95
    subsets = _subsets(at).grow(
        at.dataset, at.labels, at.config.subsets, work.part(0.0, share, "Fidelity"), trusted=at.trusted, device=at.config.device
    )
    lines, each = [], []
    for measure in ("loss", "margin"):
        values, drawn = _lds(at, subsets, measure)
        for name in at.usable:
            found, above = (
                lds.interval(values[name].mean(), drawn[name]),
                recommend.difference(_means(values), drawn, name, recommend.CONTROL),
            )
            line = {"estimator": name, "measure": measure, "lds": found.estimate, "low": found.low, "high": found.high}
            line |= {"above_random": above.estimate, "above_low": above.low, "above_high": above.high}
            lines.append({**line, "subsets": subsets.count, "queries": len(at.queries)})
            each.append(pd.DataFrame({"estimator": name, "measure": measure, "query_row": at.queries, "lds": values[name]}))
    at.write("fidelity", pd.DataFrame(lines))
    at.write("lds_queries", pd.concat(each, ignore_index=True))
    _leave_one_out(at, work)
    if at.config.removal_k:
        _removal(at, work.part(share, 1.0, "Fidelity"))


def _lds(at: Bench, subsets: Subsets, measure: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Per-query LDS (q,) and paired resampled means (r,) by estimator."""
    members = subsets.members()
    outputs = -subsets.losses(at.queries, at.asked) if measure == "loss" else subsets.margins(at.queries, at.asked)
    predicted = {
        name: lds.cross_fitted(members, outputs, ridge) if _from_subsets(name) else lds.summed(members, at.matrices[name])
        for name in at.usable
    }
    values = {name: np.nan_to_num(lds.per_query(each, outputs)) for name, each in predicted.items()}
    return values, {name: lds.draws(each, outputs, seed=at.config.seed) for name, each in predicted.items()}


def _from_subsets(name: str) -> bool:
    """Whether an estimator learns from the very models that the LDS is measured with."""
    return bool(getattr(estimators.get(name), "from_subsets", False))


def _means(values: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(each.mean()) for name, each in values.items()}


def _leave_one_out(at: Bench, work: Progress) -> None:
    """True leave-one-out of ``LEFT_OUT`` samples, where the model is softmax regression; left out silently where it is not."""
    import pandas as pd

    subject = at.subject(at.labels, at.run)
    try:
        x, y, l2 = leave_one_out.as_softmax_regression(subject)
    except UserError:
        return
    left_out = np.sort(np.random.default_rng([at.config.seed, 4]).permutation(len(at.rows))[:LEFT_OUT])
    classes = len(at.dataset.info.classes)
    truth = leave_one_out.leave_one_out(x, y, l2, left_out, leave_one_out.inputs(subject, at.queries), classes, work.part(0.95, 1.0))
    lines = []
    for name in at.usable:
        found = at.matrices[name][left_out].astype(np.float64)
        pearson = np.array([_pearson(a, b) for a, b in zip(found.T, truth.T, strict=True)])
        sure = paired_bootstrap(pearson, seed=at.config.seed)
        line = {"estimator": name, "pearson": sure.estimate, "low": sure.low, "high": sure.high}
        lines.append(
            {**line, "spearman": float(agree.rank_correlation(found, truth).mean()), "samples": len(left_out), "queries": len(at.queries)}
        )
    at.write("leave_one_out", pd.DataFrame(lines))


def _pearson(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0


def _removal(at: Bench, work: Progress) -> None:
    chosen = np.sort(np.random.default_rng([at.config.seed, 5]).permutation(len(at.queries))[: at.config.removal_queries])
    trained = removals.Retrained(
        at.home / "bench" / "removals", at.dataset, at.labels, at.model, replace(at.recipe, device=at.config.device), trusted=at.trusted
    )
    some = {name: at.matrices[name][:, chosen] for name in at.usable}
    table = removals.removal(some, at.rows, [int(row) for row in at.queries[chosen]], at.config.removal_k, trained, work)
    at.write("removal_queries", table)
    at.write("removal", removals.summary(table, at.config.seed))


def _usefulness(at: Bench, work: Progress) -> None:
    import pandas as pd

    from attribution.training import train

    config = at.config
    sandbox, truth = planted.plant(at.dataset, at.labels, config.planted_share, config.seed)
    recipe, place = replace(at.recipe, device=config.device), at.home / "bench"
    word = "Usefulness: training on planted labels"
    run = train(at.dataset, sandbox, at.model, recipe, place / "runs", work.part(0.0, 0.15, word), trusted=at.trusted)
    subject = at.subject(sandbox, run)
    given = np.asarray(sandbox.values[at.rows])

    def held_out() -> np.ndarray:
        flags = FlagConfig(device=config.device, seed=config.seed)
        folds = assign_folds(given, at.dataset.hashes[at.rows], min(flags.folds, len(at.rows)), flags.seed)
        scratch = place / "folds" / sandbox.version
        trainer = fold_trainer(at.dataset, sandbox, run, scratch, config.device, at.trusted)
        return out_of_fold(given, folds, at.rows, len(at.dataset.info.classes), trainer, scratch, work.part(0.15, 0.7, "Usefulness"))

    found, skipped = planted.by_detectors(subject, list(config.detectors) or defaults(), held_out)
    values = {each.name: each.values for each in found}
    if values:
        names = [name for name in COMBINED if name in values] or list(values)
        spent_s = sum(each.seconds_s for each in found if each.name in names)
        found.append(planted.Found("queue", "combined", combine(values), spent_s))
    more, also = planted.by_estimators(subject, at.usable, config.seed, work.part(0.7, 0.9, "Usefulness"))
    at.told["skipped"] |= {f"{name} (wrong labels)": why for name, why in (skipped | also).items()}
    taken = {each.name for each in found}
    more = [replace(each, name=f"{each.name} (estimator)") if each.name in taken else each for each in more]
    if not any(each.name == recommend.CONTROL for each in more):  # without validation samples no estimator is asked
        chance = np.random.default_rng([config.seed, 6])
        more.append(planted.Found(recommend.CONTROL, "estimator", chance.normal(size=len(given)), 0.0))
    work.update(0.9, 1, "intervals")
    at.write("usefulness", planted.table([*found, *more], given, truth, config.budget, config.seed))
    columns = {each.name: each.values for each in [*found, *more]}
    at.write("planted", pd.DataFrame({"row": at.rows, "label": given, "planted": truth, **columns}))


def _stability(at: Bench, work: Progress) -> None:
    import pandas as pd

    from attribution.training import run_fingerprint, train

    seeds = [seed for seed in dict.fromkeys(at.config.seeds) if seed != at.run.config["seed"]] or [int(at.run.config["seed"]) + 1]
    pairs: dict[str, list[np.ndarray]] = {name: [] for name in at.usable}
    shared: dict[str, list[np.ndarray]] = {name: [] for name in at.usable}
    for index, seed in enumerate(seeds):
        part = work.part(index / len(seeds), (index + 1) / len(seeds), f"Stability: seed {seed}")
        recipe = replace(at.recipe, seed=seed, device=at.config.device)
        own = at.home / "runs" / run_fingerprint(at.dataset, at.labels, at.model, recipe) / "config.json"
        runs = at.home / "runs" if own.is_file() else at.home / "bench" / "runs"
        other = train(at.dataset, at.labels, at.model, recipe, runs, part.part(0.0, 0.5), trusted=at.trusted, dynamics=False)
        for done, name in enumerate(at.usable):
            config = ScoreConfig(estimator=name, device=at.config.device, seed=at.config.seed + 1 + index)
            slot = part.part(0.5 + 0.5 * done / len(at.usable), 0.5 + 0.5 * (done + 1) / len(at.usable), f"Stability: {name}, seed {seed}")
            found = score(at.dataset, at.labels, other, config, at.queries, at.home / "bench" / "scores", slot, trusted=at.trusted)
            matrix = found.matrix()[1]  # type: ignore[index]
            pairs[name].append(agree.rank_correlation(at.matrices[name], matrix))
            shared[name].append(agree.overlap(at.matrices[name], matrix, at.config.k))
    lines = []
    for name in at.usable:
        sure = paired_bootstrap(np.mean(pairs[name], axis=0), seed=at.config.seed)
        line = {"estimator": name, "spearman": sure.estimate, "low": sure.low, "high": sure.high}
        lines.append({**line, "overlap": float(np.mean(shared[name])), "runs": len(seeds), "queries": len(at.queries)})
    at.write("stability", pd.DataFrame(lines))


WORK = {"agreement": _agreement, "fidelity": _fidelity, "usefulness": _usefulness, "stability": _stability}


# --- the recommendation ----------------------------------------------------------------------------------------------------------


def _conclude(at: Bench) -> None:
    """Sentences from what is measured so far, into ``bench.json``."""
    done, told = at.told["done"], at.told
    sentences: list[str] = []
    told |= {"explain": "", "mislabels": "", "no_better_than_random": [], "rule": recommend.RULE}
    if "fidelity" in done and recommend.CONTROL in at.matrices:
        values, drawn = _lds(at, _subsets(at), "loss")
        choice = recommend.choose(_means(values), drawn, at.result.cost.set_index("estimator")["seconds_s"].to_dict())
        told |= {"explain": choice.pick, "no_better_than_random": list(choice.useless)}
        sentences += recommend.explain_sentences(choice)
    if "usefulness" in done:
        sandbox, table = at.result.planted, at.result.usefulness
        truth, whole = sandbox["planted"].to_numpy(dtype=bool), table[table["label"] == -1].set_index("name")
        drawn = recommend.precision_draws({name: sandbox[name].to_numpy() for name in whole.index}, truth, seed=at.config.seed)
        choice = recommend.choose(whole["ap"].to_dict(), drawn, whole["seconds_s"].to_dict())
        told["mislabels"] = choice.pick
        sentences += recommend.mislabel_sentences(choice, at.config.budget, whole["precision"].to_dict())
    if "stability" in done and told["explain"]:
        sentences += recommend.fragile_sentences([told["explain"]], at.result.stability.set_index("estimator")["spearman"].to_dict())
    told["recommendation"] = sentences
    write_json(at.result.folder / "bench.json", told)
