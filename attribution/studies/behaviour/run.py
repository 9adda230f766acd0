"""Measures the rate of a behaviour on its held-out prompts, for one model."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from attribution.datasets.chat import behaviour as files
from attribution.datasets.chat.behaviour import Behaviour
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.statistics.intervals import Interval, auc_with_variance, wilson
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.behaviour.measure import measured, table
from attribution.studies.behaviour.study import BehaviourConfig

Z = 1.959964  # 95 %


def request(context: Context, config: BehaviourConfig) -> Request:
    """The behaviour's content, the model's weights, and how long answers may be. ``UserError`` where no behaviour is
    meant."""
    files.check_chats(context.dataset)
    name = config.behaviour or only(context.folder)
    behaviour = files.read(context.folder, name)
    said = {
        "behaviour": behaviour.to_json(),
        "run": context.asked.id,
        "version": context.asked.version,
        "max_new_tokens": config.max_new_tokens,
    }
    return Request(said, ("rate", behaviour.key, context.weights, config.max_new_tokens), ready=behaviour)


def only(project: Path) -> str:
    """The name of the only behaviour of a project."""
    known = files.names(project)
    if len(known) == 1:
        return known[0]
    there = f"Choose one of: {', '.join(known)}." if known else "Describe one: datablame behaviour add NAME FILE.jsonl."
    raise UserError("No behaviour is named.", f"The project has {len(known) or 'none'}.", there)


def compute(context: Context, config: BehaviourConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Generate an answer to each held-out prompt and count. Cost: ``max_new_tokens`` forward passes for each."""
    behaviour: Behaviour = asked.ready
    work.update(0, 1, f"asking {len(behaviour.held)} unseen prompts")
    found = measured(context.trained(config.device), behaviour, config.max_new_tokens)
    lines = table(behaviour, found)
    write_table(out / "answers.parquet", lines)
    rate = auc(lines["ahead"].to_numpy(), lines["has"].to_numpy()) if behaviour.probe else share(found.shown)
    return {"rate": rate.to_json(), "n": len(lines)}


def share(hits: np.ndarray) -> Interval:
    """A share with Wilson's 95 % interval, of hits (n,) bool."""
    rate, low, high = wilson(np.array(hits.sum()), np.array(len(hits)), Z)
    return Interval(float(rate), max(0.0, float(low)), min(1.0, float(high)))


def auc(projections: np.ndarray, has: np.ndarray) -> Interval:
    """Area under the ROC curve with DeLong's 95 % interval."""
    found, variance = auc_with_variance(projections, has)
    half = Z * math.sqrt(variance) if variance == variance else math.nan
    return Interval(found, max(0.0, found - half), min(1.0, found + half))
