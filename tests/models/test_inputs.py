"""A model that was trained elsewhere is handed the inputs that it was trained on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.errors import UserError
from attribution.measures.query import measure_of
from attribution.models.build import identity, inputs_for
from attribution.models.features import inputs_of
from attribution.settings.configs import model_request, stored_model
from attribution.training.train import adopt, run_fingerprint

CODE = """
import torch
from torch import nn

def table(classes, shape):
    return nn.Sequential(nn.Linear(shape[0], 16), nn.ReLU(), nn.Linear(16, classes))

def picture(classes):
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, classes))

class Tokens(nn.Module):
    def __init__(self, classes=2):
        super().__init__()
        self.embedding = nn.Embedding(50, 8)
        self.head = nn.Linear(8, classes)
    def forward(self, ids):
        return self.head(self.embedding(ids).mean(1))
"""


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(CODE)
    return path


def net_of(code: Path) -> dict:
    space: dict = {}
    exec(code.read_text(), space)
    return space


def trained(model: nn.Module, x: torch.Tensor, y: torch.Tensor, steps: int = 200) -> nn.Module:
    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    return model.eval()


def probabilities(model: nn.Module, x: torch.Tensor) -> np.ndarray:
    with torch.no_grad():
        return torch.softmax(model(x), dim=1).numpy()


def numbers(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Two columns on very different scales, one far from 0."""
    chance = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = np.column_stack(
        [5 + 2 * np.cos(2.1 * y) + 0.4 * chance.normal(size=n), 0.02 * np.sin(2.1 * y) + 0.002 * chance.normal(size=n)]
    )
    return x.astype(np.float32), y


def test_a_table_model_answers_as_where_it_was_trained(tmp_path, code):
    x, y = numbers()
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "label": y}).to_csv(tmp_path / "t.csv", index=False)
    model = trained(net_of(code)["table"](3, (2,)), torch.tensor(x), torch.tensor(y))
    torch.save(model.state_dict(), tmp_path / "w.pt")
    config = ModelConfig(name=f"{code}:table", checkpoints=(str(tmp_path / "w.pt"),))
    project = Project.create("t", DataConfig(path=str(tmp_path / "t.csv")), config, trust_code=True)
    run = project.train(TrainConfig(device="cpu"))
    rows = [int(name.rpartition("-")[2]) - 1 if "-" in name else int(name) for name in project.dataset.ids]
    order = np.argsort(np.argsort(rows))
    expected = probabilities(model, torch.tensor(x))[np.sort(rows) - min(rows)][order]
    assert np.allclose(run.probabilities(), expected, atol=1e-6)

    old = ModelConfig(name=config.name, checkpoints=config.checkpoints, inputs="standardised")
    lost = adopt(project.dataset, project.labels, old, tmp_path / "old", trusted=True)
    assert (lost.probabilities().argmax(1) == project.dataset.labels).mean() < (
        expected.argmax(1) == project.dataset.labels
    ).mean()
    assert lost.id != run.id


@pytest.mark.parametrize("own", [(), (0.13, 0.31)])
def test_a_picture_model_gets_0_to_1_or_its_own_mean_and_std(tmp_path, code, own):
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels, y = (digits.images[:200] * 15).astype(np.uint8), digits.target[:200]
    np.savez(tmp_path / "d.npz", X=pixels, y=y)
    x = torch.tensor(pixels).float()[:, None] / 255
    x = (x - own[0]) / own[1] if own else x
    model = trained(net_of(code)["picture"](10), x, torch.tensor(y), 60)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    given = {"mean": own[:1], "std": own[1:]} if own else {}
    config = ModelConfig(name=f"{code}:picture", checkpoints=(str(tmp_path / "w.pt"),), **given)
    project = Project.create("d", DataConfig(path=str(tmp_path / "d.npz")), config, trust_code=True)
    run = project.train(TrainConfig(device="cpu"))
    places = [int(name.removeprefix("row-")) for name in project.dataset.ids]
    assert np.allclose(run.probabilities(), probabilities(model, x)[places], atol=1e-5)


def test_a_token_model_keeps_its_own_ids(tmp_path, code):
    chance = np.random.default_rng(0)
    y = np.arange(120) % 2
    ids = np.where(
        chance.random((120, 6)) < 0.8,
        chance.integers(0, 25, (120, 6)) + 25 * y[:, None],
        chance.integers(0, 50, (120, 6)),
    )
    np.savez(tmp_path / "ids.npz", X=ids, y=y)
    model = trained(net_of(code)["Tokens"](), torch.tensor(ids), torch.tensor(y), 80)
    torch.save(model.state_dict(), tmp_path / "w.pt")
    config = ModelConfig(name=f"{code}:Tokens", checkpoints=(str(tmp_path / "w.pt"),))
    project = Project.create("ids", DataConfig(path=str(tmp_path / "ids.npz")), config, trust_code=True)
    assert project.model_config.inputs == "tokens"  # found out from the embedding, and kept
    run = project.train(TrainConfig(device="cpu"))
    places = [int(name.removeprefix("row-")) for name in project.dataset.ids]
    assert np.allclose(run.probabilities(), probabilities(model, torch.tensor(ids))[places], atol=1e-6)


def test_training_scoring_and_attacks_use_the_models_inputs(tmp_path, code):
    from attribution.training.trained import TrainedModel

    x, y = numbers()
    pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "label": y}).to_csv(tmp_path / "t.csv", index=False)
    project = Project.create(
        "t", DataConfig(path=str(tmp_path / "t.csv")), ModelConfig(name=f"{code}:table"), trust_code=True
    )
    recipe = TrainConfig(epochs=2, device="cpu", checkpoints=1)
    run = project.train(recipe)
    trained = TrainedModel(project.dataset, project.labels, run, device="cpu", trusted=True)
    assert inputs_of(trained.model()).kind == "raw"
    rows = np.arange(5)
    batch, labels = trained.batch(rows)
    column = project.samples[["col:a", "col:b"]].to_numpy(dtype=np.float32)
    assert np.array_equal(batch.numpy(), column[rows])
    with torch.no_grad():
        assert np.allclose(torch.softmax(trained.model()(batch), 1).numpy(), run.probabilities()[rows], atol=1e-6)
    moved = measure_of(trained, "fgsm").inputs(trained, batch, labels)
    deviation = project.samples.loc[project.samples["split"] == "train", ["col:a", "col:b"]].std(ddof=0).to_numpy()
    assert np.allclose(np.abs((moved - batch).numpy()).max(0), 0.1 * deviation, rtol=1e-3)


def test_fingerprints_change_with_the_inputs_and_only_then(tmp_path, code, bare_project):
    data, labels = bare_project.dataset, bare_project.labels
    built_in = {"name": "mlp", "width": 0, "code": ""}
    assert identity(ModelConfig("mlp"), "image") == built_in  # as it was before there was a choice
    own = ModelConfig(f"{code}:table")
    keys = {
        run_fingerprint(data, labels, model, TrainConfig())
        for model in (
            own,
            ModelConfig(own.name, inputs="standardised"),
            ModelConfig(own.name, mean=(0.5,)),
            ModelConfig(own.name, std=(2.0,)),
        )
    }
    assert len(keys) == 4
    assert "inputs" not in identity(ModelConfig(own.name, inputs="standardised"), "image")
    assert model_request(ModelConfig("mlp")) == {"name": "mlp", "width": 0, "checkpoints": []}


def test_a_project_of_before_is_handed_what_it_was(code, bare_project):
    kept = {"name": f"{code}:table", "width": 0, "checkpoints": []}
    assert inputs_for(stored_model(kept)).kind == "standardised"
    path = bare_project.folder / "project.json"
    settings = json.loads(path.read_text())
    settings["model"] = kept
    path.write_text(json.dumps(settings))
    assert Project.open(bare_project.folder).model_config.inputs == "standardised"
    assert inputs_for(stored_model({"name": "mlp", "width": 0, "checkpoints": []})).kind == "standardised"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"inputs": "rew"}, "inputs is 'rew'"),
        ({"mean": (1.0, 2.0)}, "mean has 2 numbers; the data has 1 channels"),
        ({"std": (0.0,)}, "std is 0"),
        ({"std": (float("nan"),)}, "std is nan"),
        ({"mean": (0.1,), "inputs": "standardised"}, "applied to raw inputs"),
        ({"inputs": "tokens"}, "no token ids"),
        ({"width": -4}, "width is -4"),
        ({"width": 1_000_000_000}, "0 to 65,536"),
    ],
)
def test_settings_that_cannot_be_are_said(digits, settings, said):
    with pytest.raises(UserError, match=said):
        Project.create("x", DataConfig(path=str(digits[0])), ModelConfig("mlp", **settings))


def test_memory_is_known_before_it_is_taken(digits, monkeypatch):
    import psutil

    free = psutil.virtual_memory()._replace(available=10_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(UserError, match=r"mlp of width 2000 has 4,\d+,\d+ weights.*0\.0 GB of memory are free"):
        Project.create("x", DataConfig(path=str(digits[0])), ModelConfig("mlp", width=2000))


ASKING = """
from torch import nn
KEPT = {}

def asks(classes, shape, class_names, mean, std, columns, vocabulary, inputs):
    KEPT.update(classes=classes, shape=shape, class_names=class_names, mean=mean, std=std, columns=columns)
    KEPT.update(vocabulary=vocabulary, inputs=inputs)
    return nn.Sequential(nn.Flatten(), nn.Linear(shape[0] if len(shape) == 1 else 64, classes))

def defaulted(classes=2, mean=None, depth=3, **more):
    KEPT.update(more, mean=mean, classes=classes)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, classes))

class Vit(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.image_size = 12
        self.head = nn.Linear(144, classes)
    def forward(self, x):
        return self.head(x.flatten(1))

class Words(nn.Module):
    def __init__(self, classes, rows=5):
        super().__init__()
        self.embedding, self.head = nn.Embedding(rows, 4), nn.Linear(4, classes)
    def forward(self, x):
        return self.head(self.embedding(x).mean(1))

def fitting(classes, vocabulary):
    return Words(classes, len(vocabulary))
"""


def kept(project: Project) -> dict:
    """What the builder of ``ASKING`` was given last."""
    import sys

    return next(
        module.KEPT
        for name, module in sys.modules.items()
        if name.startswith("datablame_custom_")
        and hasattr(module, "KEPT")
        and str(module.__file__).startswith(str(project.folder.parent.parent))
    )


def test_a_builder_is_given_what_it_asks_for_by_name(tmp_path, digits):
    path = tmp_path / "asking.py"
    path.write_text(ASKING)
    project = Project.create("a", DataConfig(path=str(digits[0])), ModelConfig(f"{path}:asks"), trust_code=True)
    given, info = kept(project), project.info
    assert (given["classes"], given["shape"], given["class_names"]) == (10, (1, 8, 8), info.classes)
    assert (given["mean"], given["std"]) == (info.preprocessing["mean"], info.preprocessing["std"])
    assert given["inputs"] == "raw"
    Project.create("d", DataConfig(path=str(digits[0])), ModelConfig(f"{path}:defaulted"), trust_code=True)
    assert kept(project) == {**given, "shape": (1, 8, 8), "mean": info.preprocessing["mean"], "classes": 10}
    pd.DataFrame({"a": [1.0, 2, 3, 4] * 5, "b": list("xxyy") * 5, "label": list("uv") * 10}).to_csv(
        tmp_path / "t.csv", index=False
    )
    table = Project.create("t", DataConfig(path=str(tmp_path / "t.csv")), ModelConfig(f"{path}:asks"), trust_code=True)
    given = kept(table)
    assert [column["name"] for column in given["columns"]] == ["a", "b", "b"]
    assert given["mean"][1:] == [0.0, 0.0]
    assert given["mean"][0] == table.info.preprocessing["columns"][0]["mean"]


def test_pictures_are_read_at_the_size_that_the_model_says(tmp_path, digits):
    path = tmp_path / "asking.py"
    path.write_text(ASKING)
    project = Project.create("v", DataConfig(path=str(digits[0])), ModelConfig(f"{path}:Vit"), trust_code=True)
    assert project.info.shape == (1, 12, 12)
    assert project.data_config.image_size == 12
    with pytest.raises(UserError, match="shapes cannot be multiplied"):
        Project.create("w", DataConfig(path=str(digits[0]), image_size=10), ModelConfig(f"{path}:Vit"), trust_code=True)


def test_words_of_ours_in_an_embedding_of_theirs_are_named(tmp_path):
    path = tmp_path / "asking.py"
    path.write_text(ASKING)
    words = [f"word{n} word{n + 1} thing" for n in range(40)]
    pd.DataFrame({"text": words, "label": ["a", "b"] * 20}).to_csv(tmp_path / "w.csv", index=False)
    data = DataConfig(path=str(tmp_path / "w.csv"), text="text")
    with pytest.raises(
        UserError,
        match=r"smallest embedding has 5 rows.*not those of the model's tokenizer.*--inputs tokens.*--vocabulary 3",
    ):
        Project.create("w", data, ModelConfig(f"{path}:Words"), trust_code=True)
    assert Project.create("f", data, ModelConfig(f"{path}:fitting"), trust_code=True).info.modality == "text"
    assert Project.create(
        "v", DataConfig(**{**data.__dict__, "vocabulary": 3}), ModelConfig(f"{path}:Words"), trust_code=True
    )


def test_token_ids_beyond_the_embedding_are_named(tmp_path):
    path = tmp_path / "asking.py"
    path.write_text(ASKING)
    np.savez(tmp_path / "ids.npz", X=np.arange(120).reshape(40, 3) % 9, y=np.arange(40) % 2)
    with pytest.raises(UserError, match=r"go up to 8; its smallest embedding has 5 rows"):
        Project.create("i", DataConfig(path=str(tmp_path / "ids.npz")), ModelConfig(f"{path}:Words"), trust_code=True)
    np.savez(tmp_path / "half.npz", X=np.arange(120).reshape(40, 3) / 2, y=np.arange(40) % 2)
    with pytest.raises(UserError, match=r"takes whole numbers; sample \S+ has \d+\.5 at position"):
        Project.create("h", DataConfig(path=str(tmp_path / "half.npz")), ModelConfig(f"{path}:Words"), trust_code=True)


def test_raw_values_beyond_float32_are_named(tmp_path, code):
    frame = pd.DataFrame({"a": np.linspace(1e300, 9e300, 60), "b": np.arange(60.0), "label": np.arange(60) % 3})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(UserError, match=r"column a that float32 cannot hold.*standardised"):
        Project.create("t", DataConfig(path=str(tmp_path / "t.csv")), ModelConfig(f"{code}:table"), trust_code=True)
    config = ModelConfig(f"{code}:table", inputs="standardised")
    assert Project.create("s", DataConfig(path=str(tmp_path / "t.csv")), config, trust_code=True)


def test_influence_of_a_model_in_another_class_order_is_that_of_the_model(tmp_path):
    from attribution.gradients.engine import GradientEngine
    from attribution.models.order import Ordered

    torch.manual_seed(0)
    net, order = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), [2, 0, 1]
    x, y = torch.randn(12, 4), torch.arange(12) % 3
    own = GradientEngine(net.eval())
    put = GradientEngine(Ordered(net, order).eval())
    theirs = torch.tensor(order)[y]  # the same classes by the model's own numbers
    expected = own.dots(x[:8], theirs[:8], own.queries(x[8:], theirs[8:]))
    assert torch.allclose(put.dots(x[:8], y[:8], put.queries(x[8:], y[8:])), expected, atol=1e-6)


def test_numbers_that_are_no_token_ids_are_never_cut(tmp_path, code):
    for name, x in (("half", np.arange(80).reshape(40, 2) / 2), ("minus", np.arange(80).reshape(40, 2) - 9)):
        np.savez(tmp_path / f"{name}.npz", X=x, y=np.arange(40) % 2)
        config = ModelConfig(f"{code}:Tokens", inputs="tokens")
        with pytest.raises(UserError, match=r"inputs is tokens, but sample \S+ has -?[\d.]+ at position"):
            Project.create(name, DataConfig(path=str(tmp_path / f"{name}.npz")), config, trust_code=True)


def test_words_and_numbers_of_a_table_are_handed_as_they_stand(tmp_path, code):
    frame = pd.DataFrame(
        {
            "big": 16_777_216 + np.arange(60),
            "word": list("xyz") * 20,
            "small": np.arange(60) / 1024,
            "label": ["a", "b"] * 30,
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    project = Project.create(
        "t", DataConfig(path=str(tmp_path / "t.csv")), ModelConfig(f"{code}:table"), trust_code=True
    )
    data, lines = project.dataset, project.samples
    words = (lines["col:word"].to_numpy()[:, None] == np.array(["x", "y", "z"])).astype(np.float32)
    expected = np.column_stack([lines["col:big"].to_numpy(np.float32), words, lines["col:small"].to_numpy(np.float32)])
    assert np.array_equal(data.tensor(data.rows("all"), inputs=inputs_for(project.model_config)).numpy(), expected)
    assert not np.array_equal(data.tensor(data.rows("all")).numpy(), expected)
