"""A preview of edits: what it writes, what it may look at, what it refuses, and how near it comes on a convex model."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from studied import preview, retrain
from training_data import table

from attribution import PreviewConfig
from attribution.datasets.dataset import Labels
from attribution.errors import UserError
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.statistics.intervals import Interval
from attribution.statistics.track_record import TrackRecord, track_record
from attribution.studies.retrain.study import RetrainConfig
from attribution.training.train import train

RECIPE = TrainConfig(epochs=30, batch_size=32, lr=0.1, weight_decay=1e-2, checkpoints=1, device="cpu")
RETRAIN = RetrainConfig(bootstrap=100, device="cpu")
CONFIG = PreviewConfig(bootstrap=200, device="cpu", ratio=1.0, damping_ratio=0.1)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A table with 40 % wrong training labels, the corrected labels, a model trained on each, and the preview from the
    first."""
    folder = tmp_path_factory.mktemp("previewed")
    data = table(folder / "data", counts=(200, 20, 400), noise=0.4)
    values = data.labels.copy()
    values[:80] = (values[:80] - 1) % 3
    fixed = Labels.of(data, values, np.ones(len(data), dtype=bool))
    runs = [
        train(data, labels, ModelConfig("logistic"), RECIPE, folder / "runs") for labels in (data.base_version(), fixed)
    ]
    return data, fixed, runs, preview(data, data.base_version(), fixed, runs[0], CONFIG, folder / "previews"), folder


def test_it_foresees_the_retrained_model(noisy):
    data, fixed, (before, after), found, _ = noisy
    test, y = data.rows("test"), fixed.values[data.rows("test")]
    right = [(run.probabilities()[test].argmax(1) == y).mean() for run in (before, after)]
    assert found.main.before[0] == pytest.approx(right[0])
    assert right[1] - right[0] > 0.05
    assert found.main.after[0] == pytest.approx(right[1], abs=0.02)
    real = -np.log(after.probabilities()[test, y]) + np.log(before.probabilities()[test, y])
    assert np.corrcoef(found.predicted()["predicted"], real)[0, 1] > 0.95
    assert found.claim.startswith("Preview: test accuracy would rise")
    assert found.main.difference.low > 0


def test_what_it_keeps(noisy):
    data, fixed, (run, _), found, _ = noisy
    assert (found.run, found.before_version, found.version) == (run.id, data.base_version().version, fixed.version)
    assert found.counts["n_acted"] == 80
    assert found.counts["share"] == 1
    assert found.main.after[0] - found.main.before[0] == pytest.approx(found.main.difference.estimate)
    flips = found.flips()
    assert (flips["kind"] == "fixed").sum() == found.counts["n_fixed"]
    net = found.counts["n_fixed"] - found.counts["n_broken"]
    assert net / 400 == pytest.approx(found.main.difference.estimate)
    classes = found.by_target()
    assert (classes["n"] * classes["difference"]).sum() / 400 == pytest.approx(found.main.difference.estimate)
    assert found.predicted()["predicted"].mean() == pytest.approx(found.loss.difference.estimate)
    assert [step["loss"] for step in found.steps][-1] < found.counts["start"]
    assert found.asked == CONFIG


def test_a_finished_one_is_found_and_another_request_is_not(noisy, monkeypatch):
    data, fixed, (run, _), found, folder = noisy
    args = (data, data.base_version(), fixed, run)
    other = preview(*args, dataclasses.replace(CONFIG, variant="fif", steps=1), folder / "previews")
    assert other.id != found.id
    monkeypatch.setattr("attribution.studies.preview.run.update", None)
    assert preview(*args, CONFIG, folder / "previews").id == found.id


def test_test_labels_do_not_steer_the_steps(noisy):
    """With every test label wrong the figures change, the steps do not."""
    data, fixed, (run, _), found, folder = noisy
    values = fixed.values.copy()
    test = data.rows("test")
    values[test] = (values[test] + 1) % 3
    astray = Labels.of(data, values, fixed.active)
    other = preview(data, data.base_version(), astray, run, CONFIG, folder / "previews")
    assert other.steps == found.steps
    assert other.main.after[0] < found.main.after[0]


@pytest.mark.parametrize("variant", ["gif", "fif", "pif", "if", "ip"])
def test_dropping_samples_with_part_of_the_parameters(noisy, variant):
    data, _, (run, _), _, folder = noisy
    active = np.ones(len(data), dtype=bool)
    active[:80] = False
    kept = Labels.of(data, data.labels, active)
    config = dataclasses.replace(CONFIG, variant=variant, ratio=0.4, steps=3)
    found = preview(data, data.base_version(), kept, run, config, folder / "previews")
    assert found.counts["n_acted"] == 80
    assert found.counts["share"] == pytest.approx(1 if variant == "if" else 1 / 3)
    assert found.steps
    assert all(0 < step["length"] <= 1 for step in found.steps)


def test_refusals_name_the_reason(noisy):
    data, _, (run, _), _, folder = noisy
    base = data.base_version()
    with pytest.raises(UserError, match="No training sample differs"):
        preview(data, base, base, run, CONFIG, folder / "refused")
    for wrong in ({"variant": "newton"}, {"selection": "size"}, {"ratio": 2.0}):
        with pytest.raises(UserError, match=next(iter(wrong))):
            dataclasses.replace(CONFIG, **wrong)


def test_taking_a_class_away_is_refused(noisy):
    """A model that fits a class has next to no gradient to forget it by; the preview left a fifth to a third of its
    predictions."""
    data, _, (run, _), _, folder = noisy
    base = data.base_version()
    active = np.array(base.active)
    gone = data.rows("train")[base.values[data.rows("train")] == 1]
    active[gone[len(gone) // 20 :]] = False
    with pytest.raises(
        UserError, match=f"leave {len(gone) // 20} of the {len(gone)} training samples of class"
    ) as refused:
        preview(data, base, Labels.of(data, base.values, active), run, CONFIG, folder / "refused")
    assert "Retrain" in refused.value.do


def test_a_size_is_told_only_after_a_check_against_retraining(noisy, monkeypatch):
    """Before: the order of the edits alone. Then as good as the retraining says: the same figures that were right, or
    off by far."""
    data, fixed, (run, _), _, folder = noisy
    found = preview(data, data.base_version(), fixed, run, CONFIG, folder / "checked" / "previews")
    assert found.record is None
    assert "order, not the size" in found.verdict
    assert (found.outcome, "points" in found.verdict) == ("unclear", False)
    assert found.acted()["action"].tolist() == ["relabelled"] * 80
    retrain(
        data,
        data.base_version(),
        fixed,
        ModelConfig("logistic"),
        RECIPE,
        RETRAIN,
        folder / "checked",
    )
    assert found.record.sizes
    assert found.outcome == "better"
    assert found.verdict.startswith(f"{found.claim} Checked against retraining")
    monkeypatch.setattr(
        "attribution.studies.preview.result._record", lambda *paths: TrackRecord(Interval(0.5, 0.4, 0.6), 0.03)
    )
    assert not found.record.sizes
    assert "points" not in found.verdict
    assert "the order" in found.verdict


def test_a_track_record_needs_order_and_size():
    chance = np.random.default_rng(0)
    predicted = chance.normal(size=300)
    noise = 0.3 * chance.normal(size=300)
    for slope, sizes in ((1.0, True), (0.04, False), (25.0, False), (-1.0, False)):
        found = track_record(pd.DataFrame({"predicted": predicted, "actual": slope * (predicted + noise)}))
        assert found.slope == pytest.approx(slope, rel=0.1)
        assert found.sizes == sizes
        assert found.orders == (slope > 0)
    assert not track_record(pd.DataFrame({"predicted": predicted, "actual": chance.normal(size=300)})).sizes
    assert not track_record(pd.DataFrame({"predicted": np.zeros(300), "actual": predicted})).sizes
