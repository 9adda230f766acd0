"""The scores that all parts compare, and what follows from them alone: cost and agreement."""

import time
from typing import Any

from attribution.errors import UserError
from attribution.models.devices import pick_device
from attribution.progress import Progress
from attribution.settings.configs import ScoreConfig
from attribution.studies.bench import agreement as agree
from attribution.studies.bench import recommend
from attribution.studies.bench.parts.state import Bench
from attribution.studies.influence.result import ScoreResult
from attribution.studies.meter import Meter


def score_all(at: Bench, work: Progress) -> None:
    """Every estimator's influences; what they cost is kept as soon as each is there."""
    import pandas as pd

    known = at.result.cost.set_index("estimator")["peak_mib"].to_dict()
    lines: list[dict[str, Any]] = []
    for done, name in enumerate(at.result.estimators):
        part = work.part(
            done / len(at.result.estimators), (done + 1) / len(at.result.estimators), f"Scoring with {name}"
        )
        try:
            found, peak_mib = _scored(at, name, part)
        except UserError as problem:
            at.skip(name, problem)
            continue
        peak_mib = known.get(name, peak_mib)
        matrix = found.matrix()
        assert matrix is not None  # by the bench's check of the size
        at.matrices[name] = matrix[1]
        facts = {
            "seconds_s": found.config["seconds_s"],
            "peak_mib": peak_mib,
            "forward_passes": found.config["forward_passes"],
        }
        lines.append({"estimator": name, **facts, "score": found.id})
        at.write("cost", pd.DataFrame(lines))
    if "cost" in at.result.parts and "cost" not in at.told["done"]:
        at.told["done"].append("cost")


def _scored(at: Bench, name: str, work: Progress) -> tuple[ScoreResult, float]:
    """The score run of the bench's queries and its extra memory in MiB; NaN when it was there already."""
    config = ScoreConfig(estimator=name, device=at.config.device, seed=at.config.seed)
    before = time.time()
    with Meter(str(pick_device(config.device))) as spent:
        found = at.score(at.run, config, at.home, work)
    if not found.dense:
        raise UserError(
            "The scores of all pairs do not fit.",
            "They are compared pair by pair.",
            f"Ask about fewer than {len(at.queries)} predictions.",
        )
    fresh = (found.folder / "config.json").stat().st_mtime >= before - 1
    return found, spent.rise_bytes / 2**20 if fresh else float("nan")


def agreement(at: Bench, work: Progress) -> None:
    """How alike the estimators' answers are, and where they part most."""
    some = {name: at.matrices[name] for name in at.usable}
    asked = [int(row) for row in at.queries]
    at.write("agreement", agree.agreement(some, asked, at.config.k))
    at.write(
        "disagreements",
        agree.disagreements({name: value for name, value in some.items() if name != recommend.CONTROL}, at.rows, asked),
    )
