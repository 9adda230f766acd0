"""Loaded weights are measured at once; a drop is said with its cause, and worse than guessing stops."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.errors import UserError
from attribution.models.fit import Fit, as_share, below_expected, interval, worse_than_chance

CODE = """
import torch
from torch import nn

def net(classes, shape):
    return nn.Sequential(nn.Linear(shape[0], 16), nn.ReLU(), nn.Linear(16, classes))

def ordered(classes, shape):
    model = net(classes, shape)
    model.class_names = ["low", "high", "mid"]
    return model

def labelled(classes, shape):
    model = net(classes, shape)
    model.id2label = {0: "LOW", 1: "HIGH", 2: "MID"}
    return model

def strange(classes, shape):
    model = net(classes, shape)
    model.class_names = ["one", "two", "three"]
    return model

def pretrained(shape):
    model = net(3, shape)
    model.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    return model
"""
# In the order that the user's model was trained with; sorted they are high, low, mid.
NAMES = np.array(["low", "high", "mid"])


@pytest.fixture
def world(tmp_path):
    """A table on unlike scales, weights trained on its raw values with the classes in the order of ``NAMES``, and their
    code."""
    chance = np.random.default_rng(0)
    y = np.arange(450) % 3
    x = np.column_stack(
        [50 + 20 * np.cos(2.1 * y) + 4 * chance.normal(size=450), 0.5 * np.sin(2.1 * y) + 0.2 * chance.normal(size=450)]
    )
    x = x.astype(np.float32)
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "label": NAMES[y]}).to_csv(tmp_path / "t.csv", index=False)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.tensor(x)), torch.tensor(y)).backward()
        optimizer.step()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    with torch.no_grad():
        accuracy = float((model(torch.tensor(x)).argmax(1).numpy() == y).mean())
    assert accuracy > 0.9
    (tmp_path / "nets.py").write_text(CODE.replace("WEIGHTS", repr(str(tmp_path / "w.pt"))))
    return tmp_path, accuracy


def made(world, function: str, name: str = "p", expect: float | None = None, **settings) -> Project:
    folder, _ = world
    settings = {"checkpoints": (str(folder / "w.pt"),), **settings}
    config = ModelConfig(name=f"{folder / 'nets.py'}:{function}", **settings)
    return Project.create(name, DataConfig(path=str(folder / "t.csv")), config, trust_code=True, expect_accuracy=expect)


@pytest.mark.parametrize("function", ["ordered", "labelled"])
def test_a_model_that_says_its_class_order_is_put_into_the_datas(world, function):
    project = made(world, function, expect=world[1])
    look = project.first_look
    assert project.classes == ("high", "low", "mid")
    assert look["weights"] == "given"
    assert look["measured"]["accuracy"] == pytest.approx(world[1], abs=0.1)
    assert look["warning"] == []
    assert any("order of classes: high, low, mid" in line for line in look["said"])
    run = project.train(TrainConfig(device="cpu"))
    assert (run.probabilities().argmax(1) == project.dataset.labels).mean() == pytest.approx(world[1], abs=1e-6)


def test_another_class_order_that_nobody_says_stops_and_names_the_order(world):
    with pytest.raises(UserError, match=r"worse than guessing.*read as low, high, mid they have 9\d.*class_names"):
        made(world, "net")
    with pytest.raises(UserError, match=r"calls its classes one, two, three; the data's are high, low, mid"):
        made(world, "strange")


def test_other_inputs_than_trained_on_are_found_out(world):
    try:
        look = made(world, "ordered", expect=0.95, inputs="standardised").first_look
        told = " ".join(look["warning"])
    except UserError as error:
        told = str(error)
    assert "you expect 95.0 %" in told
    assert "With raw inputs they have 9" in told
    assert "Use --inputs raw" in told
    look = made(
        world, "ordered", "scaled", expect=0.4, mean=(40.0, 0.0), std=(30.0, 1.0)
    ).first_look  # the best of several other readings is told
    assert "With raw inputs they have 9" in " ".join(look["warning"])
    look = made(world, "ordered", "q", expect=34, inputs="standardised").first_look  # what is expected is never stopped
    assert look["measured"]["expected"] == 0.34


def test_a_better_reading_is_told_also_where_nothing_is_expected(world):
    """Two of three classes in another order: above chance by luck of the third, so it does not stop."""
    folder, _ = world
    x, y = np.random.default_rng(1).normal(size=(600, 10)).astype(np.float32), np.arange(600) % 10
    x[np.arange(600), y] += 6
    np.savez(folder / "ten.npz", X=x, y=y)
    order = [1, 0, *range(2, 10)]
    torch.save({"weight": torch.eye(10)[order], "bias": torch.zeros(10)}, folder / "ten.pt")
    (folder / "ten.py").write_text("from torch import nn\ndef net(): return nn.Linear(10, 10)\n")
    config = ModelConfig(f"{folder / 'ten.py'}:net", checkpoints=(str(folder / "ten.pt"),))
    look = Project.create("ten", DataConfig(path=str(folder / "ten.npz")), config, trust_code=True).first_look
    assert look["measured"]["accuracy"] == pytest.approx(0.8, abs=0.1)
    assert "outputs read as 1, 0, 2, 3, 4, 5, 6, 7, 8, 9 they have 100.0 %" in " ".join(look["warning"])


def test_an_order_that_only_fits_by_chance_is_not_told(tmp_path):
    chance = np.random.default_rng(0)
    np.savez(tmp_path / "many.npz", X=chance.normal(size=(400, 40)).astype(np.float32), y=np.arange(400) % 40)
    torch.save({"weight": torch.zeros(40, 40), "bias": torch.zeros(40)}, tmp_path / "w.pt")
    (tmp_path / "net.py").write_text("from torch import nn\ndef net(): return nn.Linear(40, 40)\n")
    torch.manual_seed(0)
    torch.save({"weight": 0.01 * torch.randn(40, 40), "bias": torch.zeros(40)}, tmp_path / "w.pt")
    config = ModelConfig(f"{tmp_path / 'net.py'}:net", checkpoints=(str(tmp_path / "w.pt"),))
    assert (
        Project.create(
            "many", DataConfig(path=str(tmp_path / "many.npz"), number_classes=True), config, trust_code=True
        ).first_look["warning"]
        == []
    )


def test_weights_of_the_builder_are_said_and_can_be_asked(world):
    folder, _ = world
    (folder / "nets.py").write_text(
        (folder / "nets.py").read_text()
        + "\ndef both(shape):\n    m = pretrained(shape)\n    m.class_names = ['low', 'high', 'mid']\n    return m\n"
    )
    look = made(world, "both", checkpoints=()).first_look
    assert look["weights"] == "builder"
    assert any("same at every seed" in line for line in look["said"])
    project = made(world, "both", "asked", checkpoints=("builder",), expect=world[1])
    run = project.train(TrainConfig(device="cpu"))
    assert run.config["source"] == "loaded"
    assert (run.probabilities().argmax(1) == project.dataset.labels).mean() == pytest.approx(world[1], abs=1e-6)
    assert made(world, "ordered", "fresh", checkpoints=()).first_look["weights"] == "untrained"
    with pytest.raises(UserError, match="not trained yet"):
        made(world, "ordered", "none", checkpoints=(), expect=0.9)
    with pytest.raises(UserError, match="is built in"):
        Project.create("cnn", DataConfig(path=str(folder / "t.csv")), ModelConfig("mlp", checkpoints=("builder",)))


def test_a_drop_is_told_beyond_chance_alone():
    def fit(accuracy: float, n: int, expected: float | None, loss: float = 0.5) -> Fit:
        return Fit(
            "test", n, accuracy, *interval(round(accuracy * n), n, 0.95), loss, 0.05, float(np.log(10)), expected
        )

    assert below_expected(fit(0.89, 450, 0.97))
    assert not below_expected(fit(0.96, 450, 0.97))
    assert not below_expected(fit(0.89, 450, None))
    assert not worse_than_chance(fit(0.89, 450, 0.97))
    assert worse_than_chance(fit(0.02, 450, None))
    assert worse_than_chance(fit(0.15, 450, None, loss=5.0))
    assert not worse_than_chance(fit(0.15, 450, 0.15, loss=5.0))
    assert not worse_than_chance(fit(0.8, 450, None, loss=5.0))  # knows the classes, and is too sure
    assert not worse_than_chance(fit(0.08, 50, None, loss=2.32))  # noise


def test_intervals_are_those_of_the_binomial():
    from scipy.stats import binom

    low, high = interval(45, 50, 0.95)
    assert binom.sf(44, 50, low) == pytest.approx(0.025)
    assert binom.cdf(45, 50, high) == pytest.approx(0.025)
    assert interval(0, 50, 0.95)[0] == 0
    assert interval(50, 50, 0.95)[1] == 1


@pytest.mark.parametrize(("given", "share"), [(0.97, 0.97), (97, 0.97), (1, 1.0), (0, 0.0)])
def test_accuracies_are_shares_or_percent(given, share):
    assert as_share(given) == share


@pytest.mark.parametrize("given", [-1, 101, float("nan")])
def test_what_is_no_accuracy(given):
    with pytest.raises(UserError, match="is expected"):
        as_share(given)
