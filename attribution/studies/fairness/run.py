"""Find the training samples that harm a fairness gap or robustness, and prove what removing them does: rank, sweep,
retrain, measure."""

import dataclasses
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.datasets.dataset import Labels
from attribution.datasets.needed import active_rows
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators._asked import check_measure
from attribution.estimators.base import Query
from attribution.measures._adversarial import movable
from attribution.measures._gaps import positive_class
from attribution.measures.query import measure_of
from attribution.progress import Progress
from attribution.settings.configs import model_request, request_of
from attribution.statistics.intervals import Interval
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.fairness.judged import GAPS, TARGETS, Judged, is_better, suggested
from attribution.studies.fairness.study import RemedyConfig

if TYPE_CHECKING:
    from attribution.training.run import Run
    from attribution.training.trained import TrainedModel

FORMAT = 1
SPLITS = ("val", "test")


def request(context: Context, config: RemedyConfig) -> Request:
    """The measure, the estimator that ranks, and the trainings of the sweep. ``UserError`` for a measure that the data
    cannot have and an empty split."""
    _refuse(context)
    asking = {"positive": config.positive, "epsilon": config.epsilon}
    trained = context.trained(config.device, asking=asking)
    measure = measure_of(trained, config.measure)
    rows = {
        split: active_rows(context.dataset, context.labels, split, "The budget is chosen on val and judged on test.")
        for split in SPLITS
    }
    budgets = _budgets(config)
    estimator = estimators.get(config.estimator)(trained, 0)
    check_measure(estimator, config.measure)
    recipe = context.recipe
    said = {
        "format": FORMAT,
        "measure": measure.options(),
        "attack": config.epsilon,
        "estimator": [config.estimator, estimator.options()],
        "run": context.asked.id,
        "version": context.labels.version,
        "recipe": {
            name: value for name, value in request_of(recipe).items() if name not in ("seed", "device", "checkpoints")
        },
        "model": model_request(context.network(recipe)),
        "budgets": budgets,
        "seeds": list(config.seeds),
        "bootstrap": config.bootstrap,
    }
    return Request(said, ready=(trained, measure, estimator, rows))


def _refuse(context: Context) -> None:
    """``UserError`` for targets that no decision between classes is made of."""
    task = context.dataset.task
    if task.kind != "class":
        parts = f"each {task.targets.group} of the {task.targets.noun.removesuffix('s')}s"
        raise UserError(
            f"Fairness and robustness ask which class a model decides for; the task {task.name} has none.",
            f"Here a model is judged by its {task.figures[0].title}.",
            f"See it for {parts} on Overview and after retrain, or ask which training samples raise the loss of one "
            "group's samples: score with a selection of them as a group.",
        )


def compute(context: Context, config: RemedyConfig, asked: Request, out: Path, progress: Progress) -> dict[str, Any]:
    """Rank the active training rows by the harm they do to the measure on val, then remove the worst and train anew.

    Every budget is trained once per seed on what is left, with the same recipe; the suggested budget is chosen on the
    ranking's split alone, and removed once more at random as a control. The trainings lie beside the result until it is
    finished, so an interrupted one goes on. Cost: (budgets + 2) x seeds trainings, plus one pass of the estimator.
    """
    trained, measure, estimator, rows = asked.ready
    budgets = asked.said["budgets"]
    ranking = _ranking(trained, estimator, rows["val"], config, progress.part(0.0, 0.1, "Ranking the training samples"))
    value = measure.value(trained, rows["val"])
    sweep = _Sweep(context, trained, config, rows, out / "runs")
    share = 0.85 / (len(budgets) + 2)
    judged = {}
    for place, budget in enumerate([0.0, *budgets]):
        part = progress.part(0.1 + place * share, 0.1 + (place + 1) * share)
        judged[budget] = sweep.judge(
            _first(ranking, trained, budget), part, f"without the worst {budget:g} %" if budget else "with all samples"
        )
    figure = TARGETS[config.measure]
    order = [0.0, *budgets]
    means = {name: [float(judged[b]["val"].figure(name).mean()) for b in order] for name in {figure, "accuracy"}}
    chosen = order[suggested(order, means[figure], means["accuracy"], is_better(figure))]
    control = chosen or budgets[0]
    n_control = len(_first(ranking, trained, control))
    drawn = np.random.default_rng(0).permutation(trained.rows)[:n_control]
    chance = {
        control: sweep.judge(
            np.sort(drawn), progress.part(0.1 + (len(order)) * share, 0.95), f"without {n_control:,} at random"
        )
    }
    lines = _lines(judged, judged[0.0], "harmful", config) + _lines(chance, judged[0.0], "random", config)
    write_table(out / "ranking.parquet", ranking)
    write_table(out / "sweep.parquet", pd.DataFrame(lines))
    shutil.rmtree(out / "runs", ignore_errors=True)
    return {
        "value": value,
        "suggested": chosen,
        "control": control,
        "n_train": len(trained.rows),
        "pair": _pairs(judged[0.0]),
        "unit": measure.measured_in(trained.task),
        "positive": context.dataset.info.classes[sweep.positive],
        "groups": _groups(judged[0.0]),
        "finished_at": time.time(),
        "finished": True,
    }


def _budgets(config: RemedyConfig) -> list[float]:
    return sorted({float(budget) for budget in config.budgets})


def _first(ranking: pd.DataFrame, trained: "TrainedModel", budget: float) -> np.ndarray:
    return ranking["row"].to_numpy(dtype=np.int64)[: round(len(trained.rows) * budget / 100)]


def _ranking(
    trained: "TrainedModel", estimator: Any, val: np.ndarray, config: RemedyConfig, progress: Progress
) -> pd.DataFrame:
    """Active training rows by influence on the measure, the most harmful first."""
    progress.update(0, 1)
    estimator.prepare([Query("validation", tuple(val.tolist()), config.measure)])
    found = []
    size = trained.batch_size
    for start in range(0, len(trained.rows), size):
        found.append(estimator.score(trained.rows[start : start + size]).influence[:, 0].double().numpy())
        progress.update(start + size, len(trained.rows))
    influence = np.concatenate(found)
    order = np.argsort(influence, kind="stable")
    rows = trained.rows[order]
    groups = trained.dataset.samples["group"].fillna("").astype(str).to_numpy(dtype=object)
    columns = {"row": rows.astype(np.int32), "id": trained.dataset.ids[rows], "influence": influence[order]}
    return pd.DataFrame({**columns, "rank": np.arange(1, len(rows) + 1, dtype=np.int32), "group": groups[rows]})


class _Sweep:
    """Trains on what is left after a removal and judges the models on both splits."""

    def __init__(
        self,
        context: Context,
        trained: "TrainedModel",
        config: RemedyConfig,
        asked: dict[str, np.ndarray],
        runs: Path,
    ) -> None:
        dataset = context.dataset
        self.context = context
        self.dataset = dataset
        self.labels = context.labels
        self.trained = trained
        self.config = config
        self.asked = asked
        self.runs = runs
        self.positive = positive_class(dataset.info.classes, config.positive)
        groups = dataset.samples["group"].fillna("").astype(str).to_numpy(dtype=object)
        self.groups = groups if (groups != "").any() else None
        self.attack = self._attack_of(config.measure)

    def _attack_of(self, measure: str) -> str:
        """The attack that robustness is judged by: the one asked about, else FGSM; "" where the inputs cannot be
        attacked."""
        if measure in ("fgsm", "pgd"):
            return measure
        try:
            movable(self.dataset.info)
        except UserError:
            return ""
        return "fgsm"

    def judge(self, removed: np.ndarray, progress: Progress, words: str) -> dict[str, Judged]:
        """The seeds' models, trained without ``removed`` rows, on every split."""
        from attribution.training.train import train

        active = self.labels.active.copy()
        active[removed] = False
        left = Labels.of(self.dataset, self.labels.values, active)
        found: dict[str, list[tuple[np.ndarray, np.ndarray | None]]] = {split: [] for split in self.asked}
        for place, seed in enumerate(self.config.seeds):
            recipe = dataclasses.replace(self.context.recipe, seed=seed, device=self.config.device, checkpoints=1)
            part = progress.part(
                place / len(self.config.seeds), (place + 1) / len(self.config.seeds), f"{words}, seed {seed}"
            )
            run = train(
                self.dataset,
                left,
                self.context.network(recipe),
                recipe,
                self.runs,
                part,
                trusted=self.context.trusted,
                dynamics=False,
            )
            for split, rows in self.asked.items():
                said = self.dataset.task.said_kept(run.outputs()[rows], self.labels.values[rows])
                found[split].append((said["prediction"], self._under_attack(run, rows)))
        return {split: self._judged(self.asked[split], seen) for split, seen in found.items()}

    def _judged(self, rows: np.ndarray, seen: list[tuple[np.ndarray, np.ndarray | None]]) -> Judged:
        attacked = [right for _, right in seen if right is not None]
        return Judged(
            labels=self.labels.values[rows],
            decisions=np.stack([decided for decided, _ in seen]),
            positive=self.positive,
            groups=None if self.groups is None else self.groups[rows],
            attacked=np.stack(attacked) if attacked else None,
        )

    def _under_attack(self, run: "Run", rows: np.ndarray) -> np.ndarray | None:
        """Whether the model is right about each row after the attack (n,) bool."""
        import torch

        if not self.attack:
            return None
        trained = self.trained.like(run)
        measure = measure_of(trained, self.attack)
        right = []
        for x, y in trained.batches(rows):
            moved = measure.inputs(trained, x, y)
            with torch.no_grad():
                outputs = trained.model()(moved)
            right.append(self.dataset.task.predict(outputs.cpu()) == y.cpu().numpy())
        return np.concatenate(right)


def _pairs(judged: dict[str, Judged]) -> dict[str, list[str]]:
    """For every gap the groups with the highest and lowest rate on the validation split, when nothing is removed."""
    return {name: list(judged["val"].pair(name)) for name in GAPS if name in judged["val"].names}


def _groups(judged: dict[str, Judged]) -> list[dict[str, Any]]:
    """Rates and counts by group on the test split, when nothing is removed."""
    test = judged["test"]
    if test.groups is None:
        return []
    right = (test.decisions == test.labels).mean(axis=0)
    rates = {name: test.rates(name) for name in GAPS}
    lines = []
    for group, inside in test.members("dp").items():
        line: dict[str, Any] = {"group": group, "n": int(inside.sum()), "accuracy": float(right[inside].mean())}
        line |= {name: float(rates[name][group].mean()) if group in rates[name] else None for name in GAPS}
        line["positives"] = int((inside & (test.labels == test.positive)).sum())
        lines.append(line)
    return lines


def _lines(
    judged: dict[float, dict[str, Judged]], base: dict[str, Judged], removed: str, config: RemedyConfig
) -> list[dict[str, Any]]:
    """``FairnessResult.sweep``."""
    lines = []
    for budget, by_split in judged.items():
        for split, here in by_split.items():
            for name in here.names:
                found = here.interval(name, config.bootstrap)
                change = here.interval(name, config.bootstrap, before=base[split])
                pair = base["val"].pair(name) if name in GAPS else None
                signed = here.interval(name, config.bootstrap, pair=pair) if pair else Interval(np.nan, np.nan, np.nan)
                line: dict[str, Any] = {"budget": budget, "removed": removed, "split": split, "figure": name}
                for prefix, one in (("", found), ("change", change), ("signed", signed)):
                    line[prefix or "estimate"] = one.estimate
                    line |= {f"{prefix}_{side}".lstrip("_"): getattr(one, side) for side in ("low", "high")}
                lines.append(line)
    return lines
