"""Training: closed forms, determinism, resume, dynamics, dropped samples, the user's own checkpoints."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot
from training_data import images, table

from attribution.datasets.dataset import Labels
from attribution.errors import Cancelled, UserError
from attribution.models.build import build_model
from attribution.models.checkpoints import save_checkpoint, weights_hash
from attribution.models.predict import HeldInputs, evaluate, predict
from attribution.progress import Progress
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.training.train import Run, adopt, default_recipe, loss_on_samples, train
from attribution.trust import trust

LOGISTIC = ModelConfig("logistic")
FAST = TrainConfig(epochs=4, batch_size=16, lr=0.1, checkpoints=2, device="cpu")


@pytest.fixture
def data(tmp_path):
    return table(tmp_path / "data")


def dropped(data, rows):
    active = np.ones(len(data), dtype=bool)
    active[rows] = False
    return Labels.of(data, data.labels, active)


def test_full_batch_descent_has_its_closed_form(data, tmp_path):
    recipe = TrainConfig(
        epochs=3, batch_size=1000, lr=0.3, momentum=0.0, weight_decay=0.0, schedule="constant", device="cpu"
    )
    run = train(data, data.base_version(), LOGISTIC, recipe, tmp_path / "runs")
    start = build_model(LOGISTIC, data.info, 0)
    weight, bias = (parameter.detach().double() for parameter in start.parameters())
    x, y = data.tensor(data.rows("train")).double(), one_hot(torch.tensor(data.labels[:60]), 3).double()
    for _ in range(3):
        error = (torch.softmax(x @ weight.T + bias, dim=1) - y) / len(
            x
        )  # (n, c), gradient of the mean loss in the logits
        weight, bias = weight - 0.3 * error.T @ x, bias - 0.3 * error.sum(dim=0)
    found = dict(run.model(dataset=data).named_parameters())
    assert torch.allclose(found["1.weight"].double(), weight, atol=1e-6)
    assert torch.allclose(found["1.bias"].double(), bias, atol=1e-6)


def test_same_seed_same_weights_and_the_users_random_state_is_untouched(data, tmp_path):
    torch.manual_seed(11)
    expected = torch.rand(2)
    torch.manual_seed(11)
    hashes = [
        weights_hash(train(data, data.base_version(), ModelConfig("mlp"), FAST, tmp_path / name).model(dataset=data))
        for name in "ab"
    ]
    assert torch.equal(torch.rand(2), expected)
    other = train(data, data.base_version(), ModelConfig("mlp"), dataclasses.replace(FAST, seed=1), tmp_path / "a")
    assert hashes[0] == hashes[1] != weights_hash(other.model(dataset=data))


def test_run_folder_holds_what_the_contract_says(data, tmp_path):
    run = train(data, data.base_version(), LOGISTIC, FAST, tmp_path / "runs")
    dynamics, metrics = run.dynamics(), run.metrics()
    assert list(dynamics) == ["row", "epoch", "loss", "margin", "prediction", "confidence"]
    assert len(dynamics) == 4 * 60
    assert set(dynamics["epoch"]) == {1, 2, 3, 4}
    assert np.allclose(np.exp(-dynamics["loss"]), dynamics["confidence"], atol=1e-5)
    correct = dynamics["prediction"].to_numpy() == data.labels[dynamics["row"]]
    assert ((dynamics["margin"] > 0) == correct).all()
    assert set(map(tuple, metrics[["epoch", "split"]].to_numpy())) >= {(1, "train"), (4, "val"), (4, "test")}
    assert run.config["finished"]
    assert run.config["weight_unit"] == "nats"
    assert [entry["epoch"] for entry in run.config["checkpoints"]] == [2, 4]
    assert run.probabilities().shape == (120, 3)
    assert run.representation().shape == (120, 4)
    assert np.allclose(run.probabilities().sum(axis=1), 1, atol=1e-5)
    last = dynamics[dynamics["epoch"] == 4]
    assert np.allclose(run.probabilities()[last["row"], data.labels[last["row"]]], last["confidence"], atol=1e-5)
    assert run.model_config == LOGISTIC
    assert run.train_config == FAST
    assert run.version == data.base_version().version
    assert Run.all(tmp_path / "runs") == [run]
    assert not (run.folder / ".state").exists()
    assert "epoch 3 of 4, validation accuracy" in (run.folder / "log.txt").read_text()


def test_checkpoint_weights_add_up_to_the_learning_rate_of_one_sample(data, tmp_path):
    recipe = TrainConfig(epochs=4, batch_size=20, lr=0.1, schedule="constant", checkpoints=3, device="cpu")
    run = train(data, data.base_version(), LOGISTIC, recipe, tmp_path / "runs")
    weights = [weight for _, weight in run.checkpoints]
    # Epochs x lr / batch size / (1 - momentum)
    assert weights == pytest.approx([2 * 0.1 / 20 / 0.1, 0.1 / 20 / 0.1, 0.1 / 20 / 0.1])


def test_a_finished_run_is_found_and_a_changed_request_is_not(data, tmp_path):
    base, runs = data.base_version(), tmp_path / "runs"
    first = train(data, base, LOGISTIC, FAST, runs)
    told = []
    again = train(
        data, base, LOGISTIC, dataclasses.replace(FAST, device="auto"), runs, Progress(lambda *call: told.append(call))
    )
    assert again == first
    assert told == [(1.0, 1.0, "already trained")]
    others = [
        train(data, dropped(data, [3]), LOGISTIC, FAST, runs),
        train(data, base, ModelConfig("mlp", width=8), FAST, runs),
        train(data, base, LOGISTIC, dataclasses.replace(FAST, lr=0.2), runs),
    ]
    assert len({first.id, *(run.id for run in others)}) == 4


def test_without_dynamics_the_weights_are_the_same(data, tmp_path):
    brief = train(data, data.base_version(), LOGISTIC, FAST, tmp_path / "a", dynamics=False)
    full = train(data, data.base_version(), LOGISTIC, FAST, tmp_path / "a")
    assert brief.dynamics().empty
    assert brief.id == f"{full.id}-brief"
    assert np.array_equal(brief.probabilities(), full.probabilities())
    assert train(data, data.base_version(), LOGISTIC, FAST, tmp_path / "a", dynamics=False) == full


def test_dropped_samples_are_not_trained_on_but_predicted(data, tmp_path):
    labels = dropped(data, np.arange(10, 30))
    run = train(data, labels, LOGISTIC, FAST, tmp_path / "runs")
    assert set(run.dynamics()["row"]) == set(range(60)) - set(range(10, 30))
    assert run.config["n_train"] == 40
    assert run.probabilities().shape == (120, 3)
    garbled = data.labels.copy()
    garbled[10:30] = (garbled[10:30] + 1) % 3
    same = train(data, Labels.of(data, garbled, labels.active), LOGISTIC, FAST, tmp_path / "runs")
    assert np.array_equal(same.probabilities(), run.probabilities())
    with pytest.raises(UserError, match="No training sample is active"):
        train(data, dropped(data, np.arange(60)), LOGISTIC, FAST, tmp_path / "runs")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("killed_after", [1, 3])
def test_resume_equals_an_uninterrupted_training(tmp_path, optimizer, killed_after):
    data = images(tmp_path / "data")
    recipe = TrainConfig(epochs=4, batch_size=8, optimizer=optimizer, lr=0.01, checkpoints=2, device="cpu")
    whole = train(data, data.base_version(), ModelConfig(width=4), recipe, tmp_path / "whole")

    def kill(done: float, total: float, message: str) -> None:
        if message.startswith(f"epoch {killed_after} of 4, "):
            raise Cancelled

    with pytest.raises(Cancelled):
        train(data, data.base_version(), ModelConfig(width=4), recipe, tmp_path / "cut", Progress(kill, interval_s=0))
    assert Run.all(tmp_path / "cut") == []
    resumed = train(data, data.base_version(), ModelConfig(width=4), recipe, tmp_path / "cut")
    assert "resumed after epoch" in (resumed.folder / "log.txt").read_text()
    assert resumed.id == whole.id
    assert [path.name for path, _ in resumed.checkpoints] == [path.name for path, _ in whole.checkpoints]
    for index in range(2):
        assert weights_hash(resumed.model(index, data)) == weights_hash(whole.model(index, data))
        assert resumed.checkpoints[index][1] == whole.checkpoints[index][1]
    assert resumed.dynamics().equals(whole.dynamics())
    assert resumed.metrics().equals(whole.metrics())
    assert np.array_equal(resumed.probabilities(), whole.probabilities())


def test_progress_only_grows_and_speaks_plainly(data, tmp_path):
    told = []
    train(
        data,
        data.base_version(),
        LOGISTIC,
        FAST,
        tmp_path / "runs",
        Progress(lambda *call: told.append(call), interval_s=0),
    )
    fractions = [done for done, _, _ in told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert told[0][2] == "epoch 1 of 4"
    assert told[-1][2].startswith("epoch 4 of 4, validation accuracy ")


def test_without_a_validation_split_training_accuracy_is_told(tmp_path):
    data = table(tmp_path / "data", counts=(30, 0, 10))
    run = train(data, data.base_version(), LOGISTIC, FAST, tmp_path / "runs")
    assert "training accuracy" in (run.folder / "log.txt").read_text()
    assert set(run.metrics()["split"]) == {"train", "test"}


def test_a_divergent_training_says_so(data, tmp_path):
    with pytest.raises(UserError, match="not finite after epoch 1"):
        train(data, data.base_version(), LOGISTIC, dataclasses.replace(FAST, lr=1e38), tmp_path / "runs")


@pytest.fixture
def custom(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "from torch import nn\ndef normed(classes, shape): return nn.Sequential(nn.Linear(shape[0], 8), "
        "nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, classes))\ndef narrow(): return nn.Linear(4, 2)\ndef misfit(): "
        "return nn.Linear(9, 3)\n"
    )
    trust(path)
    return path


def test_custom_model_with_batch_normalisation(tmp_path, custom):
    # Batches of 16 leave a single sample, which joins the batch before it.
    data = table(tmp_path / "data", counts=(33, 5, 5))
    config = ModelConfig(f"{custom}:normed")
    run = train(data, data.base_version(), config, FAST, tmp_path / "runs", trusted=True)
    assert run.config["batch_coupled"]
    model = run.model(dataset=data, trusted=True)
    assert not model.training
    assert np.allclose(
        predict(model, data, data.rows("test"))[0], predict(model, data, data.rows("test"), batch_size=1)[0], atol=1e-5
    )
    with pytest.raises(UserError, match="not trusted"):
        run.model(dataset=data)
    custom.write_text(custom.read_text() + "\n")
    with pytest.raises(UserError, match="has changed since"):
        run.model(dataset=data, trusted=True)


def test_misfitting_models_name_the_shapes(data, tmp_path, custom):
    with pytest.raises(UserError, match=r"\(4, 4\) to \(4, 2\).*3 classes"):
        train(data, data.base_version(), ModelConfig(f"{custom}:narrow"), FAST, tmp_path / "runs", trusted=True)
    with pytest.raises(UserError, match=r"fails on an input of shape \(4, 4\)"):
        train(data, data.base_version(), ModelConfig(f"{custom}:misfit"), FAST, tmp_path / "runs", trusted=True)


def test_adopted_checkpoints_become_a_run(data, tmp_path):
    trained = train(data, data.base_version(), LOGISTIC, FAST, tmp_path / "runs")
    files = []
    for index in range(2):
        path = tmp_path / f"user-{index}.pt"
        torch.save({"state_dict": trained.model(index, data).state_dict()}, path)
        files.append(str(path))
    run = adopt(
        data, data.base_version(), ModelConfig("logistic", checkpoints=tuple(files)), tmp_path / "runs", device="cpu"
    )
    assert run.config["source"] == "loaded"
    assert run.config["weight_unit"] == "order"
    assert [weight for _, weight in run.checkpoints] == [0.5, 0.5]
    assert np.allclose(run.probabilities(), trained.probabilities(), atol=1e-6)
    assert sorted(set(run.dynamics()["epoch"])) == [1, 2]
    theirs = trained.dynamics().query("epoch == 4")
    assert np.allclose(run.dynamics().query("epoch == 2")["loss"], theirs["loss"], atol=1e-5)
    single = adopt(
        data, data.base_version(), ModelConfig("logistic", checkpoints=(files[1],)), tmp_path / "runs", device="cpu"
    )
    assert single.dynamics().empty
    assert single.id != run.id
    assert (
        adopt(
            data,
            data.base_version(),
            ModelConfig("logistic", checkpoints=tuple(files)),
            tmp_path / "runs",
            device="cpu",
        )
        == run
    )
    assert run.train_config == TrainConfig()


def test_adopting_errors(data, tmp_path):
    with pytest.raises(UserError, match="No checkpoint was named"):
        adopt(data, data.base_version(), LOGISTIC, tmp_path / "runs")
    save_checkpoint(nn.Linear(2, 2), tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="does not fit"):
        adopt(
            data,
            data.base_version(),
            ModelConfig("logistic", checkpoints=(str(tmp_path / "other.safetensors"),)),
            tmp_path / "runs",
        )


def test_prediction_does_not_depend_on_batches_or_on_being_held(data):
    model = build_model(ModelConfig("mlp", width=8), data.info, 0)
    rows = data.rows("all")
    logits, features = predict(model, data, rows)
    small, small_features = predict(model, data, rows, batch_size=7)
    assert np.allclose(logits, small, atol=1e-6)
    assert np.allclose(features, small_features, atol=1e-6)
    assert model.training
    for limit in (0, 1 << 30):
        found = evaluate(model, HeldInputs(data, rows, torch.device("cpu"), limit_bytes=limit), batch_size=11)
        assert np.allclose(found.numpy(), logits, atol=1e-6)
    assert predict(model, data, rows[:0])[0].shape == (0, 3)


def test_loss_on_samples_shows_names_and_losses(data, tmp_path):
    run = train(data, data.base_version(), LOGISTIC, FAST, tmp_path / "runs")
    shown = loss_on_samples(run, data)
    assert len(shown) == 10
    assert shown["row"].min() == 80
    assert shown["row"].max() == 119
    assert np.allclose(np.exp(-shown["loss"]), run.probabilities()[shown["row"], data.labels[shown["row"]]], atol=1e-5)
    assert set(shown["prediction"]) <= set("abc")
    assert len(loss_on_samples(run.model(dataset=data), data, n=3)) == 3


def test_unfinished_runs_do_not_open(tmp_path):
    with pytest.raises(UserError, match="no finished training"):
        Run.open(tmp_path / "absent")


def test_recipes_of_new_projects():
    assert default_recipe("image") == TrainConfig()
    assert default_recipe("text").optimizer == "adamw"
