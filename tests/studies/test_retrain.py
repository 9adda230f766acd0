"""Before and after the edits: the forecast against reality, verdicts, flips, reuse of trainings, refusals."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from studied import retrain
from training_data import table

from attribution.datasets.dataset import Labels
from attribution.errors import Cancelled, UserError
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.statistics.intervals import Interval
from attribution.studies.retrain import words
from attribution.studies.retrain.answers import stacked
from attribution.studies.retrain.changes import flip_table
from attribution.studies.retrain.result import Change, RetrainResult
from attribution.studies.retrain.study import RetrainConfig
from attribution.tasks import figure
from attribution.tasks.classification import Classification
from attribution.training.run import Run

LOGISTIC = ModelConfig("logistic")
FAST = TrainConfig(epochs=3, batch_size=32, lr=0.1, checkpoints=2, device="cpu")
SEEDS = RetrainConfig(bootstrap=300, device="cpu")


def edited(data, relabel=None, drop=()):
    values, active = data.labels.copy(), np.ones(len(data), dtype=bool)
    for row, label in (relabel or {}).items():
        values[row] = label
    active[list(drop)] = False
    return Labels.of(data, values, active)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A table in which 40 % of the training labels are wrong, its corrected labels, and the comparison of the two."""
    folder = tmp_path_factory.mktemp("noisy")
    data = table(folder / "data", counts=(200, 20, 400), noise=0.4)
    fixed = edited(data, {row: (data.labels[row] - 1) % 3 for row in range(80)})
    comparison = retrain(data, data.base_version(), fixed, LOGISTIC, FAST, SEEDS, folder)
    return data, fixed, comparison, folder


def test_fixing_many_labels_is_seen_and_said(noisy):
    _, _, comparison, _ = noisy
    assert comparison.outcome == "better"
    assert comparison.main.difference.low > 0
    assert comparison.verdict.startswith("Test accuracy rose by ")
    assert comparison.verdict.endswith("over 3 seeds.")
    assert comparison.loss.difference.estimate < 0
    assert comparison.n_relabelled == 80
    assert (comparison.n_dropped, comparison.n_restored, comparison.n_test_edited) == (0, 0, 0)
    assert comparison.n_test == 400
    assert comparison.prediction["predicted"] < 0
    assert comparison.prediction["actual"] < 0
    assert comparison.prediction["spearman"].low > 0


def test_figures_agree_with_the_runs_they_come_from(noisy):
    data, fixed, comparison, folder = noisy
    test = data.rows("test")
    runs = [Run.open(folder / "runs" / name) for name in comparison.after_runs]
    assert comparison.main.after == pytest.approx(
        [(run.probabilities()[test].argmax(axis=1) == fixed.values[test]).mean() for run in runs]
    )
    assert comparison.main.after == pytest.approx([run.config["final"]["test"]["accuracy"] for run in runs])
    assert comparison.loss.after == pytest.approx([run.config["final"]["test"]["loss"] for run in runs], abs=1e-5)
    difference = np.mean(comparison.main.after) - np.mean(comparison.main.before)
    for interval in (comparison.main.difference, comparison.main.test_only, comparison.main.spread):
        assert interval.estimate == pytest.approx(difference)
        assert interval.low <= difference <= interval.high
    classes = comparison.by_target()
    assert classes["n"].sum() == 400
    assert (classes["n"] * classes["difference"]).sum() / 400 == pytest.approx(difference)
    predicted = comparison.predicted()
    assert list(predicted["row"]) == list(test)
    assert predicted["actual"].mean() == pytest.approx(comparison.loss.difference.estimate)


def test_flips_name_what_was_fixed_and_broken(noisy):
    _, _, comparison, _ = noisy
    flips = comparison.flips()
    assert len(flips) == comparison.n_fixed + comparison.n_broken
    assert comparison.n_fixed > comparison.n_broken
    fixed = flips[flips["kind"] == "fixed"]
    assert (fixed["after"] == fixed["label"]).all()
    assert (fixed["before"] != fixed["label"]).all()
    assert (flips["seeds"] > 0).all()
    assert flips["seeds"].is_monotonic_decreasing


def test_shares_of_the_acted_on_samples_add_up_to_the_whole(noisy):
    _, _, comparison, _ = noisy
    acted = comparison.acted()
    assert len(acted) == 80
    assert acted["predicted"].sum() == pytest.approx(comparison.prediction["predicted"], rel=1e-4)


def test_found_again_and_read_back(noisy):
    data, fixed, comparison, folder = noisy
    again = retrain(data, data.base_version(), fixed, LOGISTIC, FAST, SEEDS, folder)
    assert again == comparison
    assert RetrainResult.open(comparison.folder) == comparison


def test_trainings_before_the_edits_are_made_once_and_only_the_projects_seed_has_dynamics(noisy):
    data, _, comparison, folder = noisy
    other = retrain(
        data,
        data.base_version(),
        edited(data, drop=range(5)),
        LOGISTIC,
        FAST,
        SEEDS,
        folder,
    )
    assert other.before_runs == comparison.before_runs
    assert other.n_dropped == 5
    assert [Run.open(folder / "runs" / name).dynamics().empty for name in other.after_runs] == [False, True, True]


def test_forecast_is_exact_for_small_steps(tmp_path):
    """One epoch of single-sample steps, so that every edit adds or removes steps of the same size."""
    data = table(tmp_path / "data", counts=(40, 4, 30))
    after = edited(data, {3: (data.labels[3] + 1) % 3, 8: (data.labels[8] + 2) % 3}, drop=[5, 21])
    tiny = TrainConfig(
        epochs=1,
        batch_size=1,
        lr=1e-3,
        momentum=0.0,
        weight_decay=0.0,
        schedule="constant",
        checkpoints=1,
        device="cpu",
    )
    comparison = retrain(data, data.base_version(), after, LOGISTIC, tiny, SEEDS, tmp_path)
    table_of = comparison.predicted()
    assert np.allclose(table_of["predicted"], table_of["actual"], rtol=0.1, atol=0.02 * table_of["actual"].abs().max())
    assert comparison.prediction["spearman"].estimate > 0.99
    assert comparison.prediction["predicted"] == pytest.approx(comparison.prediction["actual"], rel=0.05)
    assert comparison.prediction["unit"] == "nats"


def test_dropped_test_samples_are_left_out_and_their_labels_are_the_edited_ones(tmp_path):
    data = table(tmp_path / "data")
    test = data.rows("test")
    after = edited(data, {0: (data.labels[0] + 1) % 3, test[0]: (data.labels[test[0]] + 1) % 3}, drop=[test[1]])
    comparison = retrain(data, data.base_version(), after, LOGISTIC, FAST, SEEDS, tmp_path)
    assert comparison.n_test == 39
    assert comparison.n_test_edited == 2
    assert test[1] not in set(comparison.predicted()["row"])


def test_an_interrupted_retrain_goes_on(tmp_path):
    data = table(tmp_path / "data")
    after = edited(data, drop=range(6))

    def stop(done: float, total: float, message: str) -> None:
        if message.startswith("after the edits, seed 1"):
            raise Cancelled

    with pytest.raises(Cancelled):
        retrain(
            data,
            data.base_version(),
            after,
            LOGISTIC,
            FAST,
            SEEDS,
            tmp_path,
            Progress(stop, interval_s=0),
        )
    assert len(Run.all(tmp_path / "runs")) == 4
    told = []
    retrain(
        data,
        data.base_version(),
        after,
        LOGISTIC,
        FAST,
        SEEDS,
        tmp_path,
        Progress(lambda *x: told.append(x), 0),
    )
    fractions = [done for done, _, _ in told]
    assert fractions == sorted(fractions)
    assert "before the edits, seed 0: already trained" in [message for _, _, message in told]
    assert told[-1][2].startswith(("Test accuracy", "No change"))


def test_refusals(tmp_path):
    data = table(tmp_path / "data")
    base = data.base_version()
    after = edited(data, drop=[1])
    with pytest.raises(UserError, match="At least 3 different"):
        retrain(data, base, after, LOGISTIC, FAST, dataclasses.replace(SEEDS, seeds=(0, 1)), tmp_path)
    with pytest.raises(UserError, match="named twice"):
        retrain(data, base, after, LOGISTIC, FAST, dataclasses.replace(SEEDS, seeds=(0, 1, 2, 2)), tmp_path)
    with pytest.raises(UserError, match="No training sample differs"):
        retrain(data, base, edited(data, drop=[data.rows("test")[0]]), LOGISTIC, FAST, SEEDS, tmp_path)
    with pytest.raises(UserError, match=r"0 test samples, \d+ more are dropped"):
        retrain(data, base, edited(data, drop=[1, *data.rows("test")]), LOGISTIC, FAST, SEEDS, tmp_path)
    with pytest.raises(UserError, match="no finished comparison"):
        RetrainResult.open(tmp_path / "absent")


def of(reading, difference):
    """A change of which only the difference matters."""
    return Change((0.0,), (0.0,), difference, difference, difference, reading)


def test_verdicts_in_plain_words():
    rose, fell = Interval(0.013, 0.006, 0.02), Interval(-0.013, -0.02, -0.006)
    accuracy, rmse = figure.ACCURACY, figure.rmse("mm")
    said = words.retrained(of(accuracy, rose), 3)
    assert said == "Test accuracy rose by 1.3 points (95 % interval 0.6 to 2.0) over 3 seeds."
    said = words.retrained(of(accuracy, fell), 4)
    assert said == "Test accuracy fell by 1.3 points (95 % interval 0.6 to 2.0) over 4 seeds."
    assert [words.outcome(of(accuracy, each)) for each in (rose, fell)] == ["better", "worse"]
    assert [words.outcome(of(rmse, each)) for each in (rose, fell)] == ["worse", "better"]
    open_ = of(accuracy, Interval(0.002, -0.004, 0.008, 0.9))
    assert words.outcome(open_) == "unclear"
    assert words.retrained(open_, 3) == (
        "No change in test accuracy that can be told from chance: +0.2 points (90 % interval -0.4 to 0.8) over 3 seeds."
    )
    error = of(rmse, Interval(-3.14, -4.2, -2.04))
    assert words.retrained(error, 3) == "Test RMSE fell by 3.14 mm (95 % interval 2.04 to 4.20) over 3 seeds."
    assert words.previewed(error) == (
        "Preview: test RMSE would fall by 3.14 mm (95 % interval over test samples 2.04 to 4.20)."
    )


def test_majority_over_seeds_decides_a_flip(tmp_path):
    data = table(tmp_path / "data")
    test, y = data.rows("test")[:3], np.array([0, 0, 0])
    sure, wrong = [0.9, 0.1, 0.0], [0.2, 0.8, 0.0]
    old = np.array([[wrong, sure, sure], [wrong, sure, wrong], [sure, sure, sure]])
    new = np.array([[sure, wrong, sure], [sure, wrong, sure], [sure, sure, wrong]])
    old, new = (stacked([Classification().said_kept(each, y) for each in models]) for models in (old, new))
    flips = flip_table(data, test, y, old, new).set_index("row")
    assert dict(flips["kind"]) == {test[0]: "fixed", test[1]: "broken"}
    assert flips.loc[test[0], "seeds"] == pytest.approx(2 / 3)
    assert flips.loc[test[1], "p_before"] == pytest.approx(0.9)


def test_a_loss_that_moved_against_the_deciding_figure_is_not_hidden():
    rose, fell, unclear = Interval(0.15, 0.09, 0.21), Interval(-0.15, -0.21, -0.09), Interval(0.02, -0.02, 0.07)

    def said(main, loss):
        return words.against(of(figure.ACCURACY, main), of(figure.loss(), loss))

    assert "Test loss rose, though (+0.150 nats, 0.090 to 0.210): the new models are surer" in said(rose, rose)
    assert "Test loss fell, though" in said(fell, fell)
    assert said(unclear, rose) == " Test loss rose (+0.150 nats, 0.090 to 0.210)."
    assert {said(rose, fell), said(rose, unclear), said(unclear, unclear)} == {""}


def test_a_result_of_an_earlier_version_opens(noisy, tmp_path):
    """Accuracy and loss stood by name, and the table by class had another name."""
    _, _, comparison, _ = noisy
    folder = tmp_path / comparison.id
    shutil.copytree(comparison.folder, folder)
    values = json.loads((folder / "comparison.json").read_text())
    for each in values.pop("figures"):
        values[each.pop("reading")["name"]] = each
    (folder / "comparison.json").write_text(json.dumps(values))
    table = comparison.by_target().rename({"target": "class"}, axis=1)
    (folder / "by_target.parquet").unlink()
    table.to_parquet(folder / "classes.parquet")
    old = RetrainResult.open(folder)
    assert old.changes == comparison.changes
    assert old.by_target().equals(comparison.by_target())
    assert dataclasses.replace(old, folder=comparison.folder) == comparison
