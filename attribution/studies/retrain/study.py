"""The proof by retraining as a study."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attribution.progress import Progress
from attribution.settings.ranges import SEED, Settings, opt
from attribution.studies import studies
from attribution.studies.base import Context, Study


@dataclass(frozen=True)
class RetrainConfig(Settings):
    """Retrain with the edits and compare with the same recipe on the data before them."""

    seeds: tuple[int, ...] = opt(
        (0, 1, 2),
        "Seeds; each is trained before and after the edits (at least three).",
        low=0,
        high=SEED,
        least=3,
        why="Fewer cannot tell an effect from the chance of a single training.",
    )
    bootstrap: int = opt(2000, "Bootstrap resamples of the test set.", low=20, high=1_000_000)
    level: float = opt(0.95, "Level of all intervals.", low=0.5, below=1.0)
    device: str = opt("auto", "auto takes CUDA or MPS when present, else the CPU.", device=True)
    command: str = opt(
        "",
        "Train by your own script instead: python train.py --data {data} --out {out} --seed {seed}. {data} is your "
        "file or folder with the labels of the version, {labels} a CSV of id, label, active and split, {out} the "
        "folder for predictions (predictions.parquet, .csv or .npy) or weights, {version} the data version.",
    )
    behaviours: tuple[str, ...] = opt(
        (),
        "Behaviours whose rates on unseen prompts are measured before and after; empty: all of the project's; none.",
        later=True,
    )
    margin: float = opt(
        0.1,
        "Regression set: the held-out loss may rise by this share of it, and the rate of a behaviour that must stay "
        "may fall by it, and still count as kept.",
        above=0.0,
        below=1.0,
        later=True,
    )
    workdir: str = opt("", "Folder in which the command runs; empty: the one where it was typed.")


@studies.register("retrain")
class Retrain(Study[RetrainConfig]):
    """Train before and after the edits with every seed, by the recipe of the model in use or by your own script, and
    compare on the test set."""

    title = "Retrain and compare"
    config = RetrainConfig
    result = "RetrainResult"
    trains = True
    folder = "retrains"

    def asks_model(self, config: RetrainConfig) -> bool:
        return False

    def warnings(self, project: Any) -> list[str]:
        found: list[str] = project.behaviours.hardly_shown()
        return found

    def make(
        self,
        context: Context,
        config: RetrainConfig,
        progress: Progress | None = None,
        *,
        fit: Callable[..., Any] | None = None,
        **extra: Any,
    ) -> Any:
        """``fit(data, seed)`` is a function of the user's that trains (``retrain.own.Version``)."""
        return super().make(replace(context, fit=fit), config, progress, **extra)


def typed(config: RetrainConfig) -> RetrainConfig:
    """A config whose command the user typed just now, here: its folder is settled, and the command is trusted with the
    files that it names, as they are. Never for one that was read from a project."""
    from attribution.trust.commands import look_command, say_yes_to

    placed = replace(config, workdir=str(Path(config.workdir or ".").expanduser().absolute()))
    say_yes_to(look_command(placed.command, placed.workdir))
    return placed
