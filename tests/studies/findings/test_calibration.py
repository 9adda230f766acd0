"""Planted errors in a copy: they are wrong, seeded, ranked, and leave no trace."""

import numpy as np
import pytest

from attribution.errors import UserError
from attribution.studies.calibration.run import plan
from attribution.studies.calibration.study import CalibrateConfig
from attribution.tasks.targets import Classes


def test_half_are_uniform_and_half_the_likeliest_other_class():
    chance = np.random.default_rng(0)
    p = chance.dirichlet(np.ones(4), size=200)
    values = p.argmax(1)
    found = plan(Classes("abcd"), values, np.arange(100, 200), p, 40, seed=3)
    assert (found["planted"] != found["label"]).all()
    assert found["kind"].value_counts().to_dict() == {"uniform": 20, "confused": 20}
    assert found["row"].between(100, 199).all()
    confused = found[found["kind"] == "confused"]
    second = np.argsort(-p[confused["row"]], axis=1)[:, 1]
    assert (confused["planted"].to_numpy() == second).all()
    assert plan(Classes("abcd"), values, np.arange(100, 200), p, 40, seed=3).equals(found)
    assert not plan(Classes("abcd"), values, np.arange(100, 200), p, 40, seed=4).equals(found)


def test_a_calibration_ranks_the_planted_errors_and_touches_nothing(tiny_project):
    before = (tiny_project.labels.version, [run.id for run in tiny_project.runs()], len(tiny_project.edits()))
    result = tiny_project.calibrate(CalibrateConfig(folds=2, device="cpu"))
    assert (tiny_project.labels.version, [run.id for run in tiny_project.runs()], len(tiny_project.edits())) == before
    planted = result.planted
    assert len(planted) == 20
    assert planted["position"].between(1, 240).all()
    assert planted["position"].mean() < 80  # by chance: 120
    assert result.recall(1.0) == 1
    assert {path.name for path in result.folder.iterdir()} == {"planted.parquet", "config.json"}
    assert tiny_project.calibrate(CalibrateConfig(folds=2, device="cpu")).id == result.id
    assert tiny_project.calibration().id == result.id
    assert tiny_project.budget().calibrated
    assert result.headline.startswith("Of 20 labels set wrong")


def test_too_large_a_share_is_refused(tiny_project):
    with pytest.raises(UserError, match=r"would set 120 of 240 labels wrong.*at most 0\.25"):
        tiny_project.calibrate(CalibrateConfig(share=0.5))


def test_decisions_count_as_wrong_or_right_by_what_they_changed(tiny_project):
    queue = tiny_project.flags().queue(6)["row"].to_numpy()
    suggested = tiny_project.flags().queue(6)["suggested"].to_numpy()
    tiny_project.relabel([queue[0]], int(suggested[0]))
    tiny_project.drop([queue[1]])
    tiny_project.keep(queue[2:5])
    found = tiny_project.budget()
    assert (found.reviewed, found.wrong) == (5, 2)
    tiny_project.undo()
    assert tiny_project.budget().reviewed == 2
