"""Built-in networks and the user's own code."""

import re

import pytest
import torch
from torch import nn

from attribution.datasets.dataset import DatasetInfo
from attribution.errors import UserError
from attribution.modalities import modalities
from attribution.models.build import build_model, identity
from attribution.models.checkpoints import weights_hash
from attribution.models.features import count_parameters
from attribution.models.zoo import models, names_for
from attribution.settings.configs import ModelConfig
from attribution.trust import code_file, forget, trust

IMAGE = DatasetInfo("i", "image", ("a", "b", "c"), (1, 28, 28), {}, "")
TABLE = DatasetInfo("t", "tabular", ("a", "b"), (5,), {}, "")
TEXT = DatasetInfo("w", "text", ("a", "b"), (6,), {}, "", preprocessing={"vocabulary": ["", "?", "good", "bad"]})
INPUTS = {
    "image": torch.randn(2, 1, 28, 28),
    "tabular": torch.randn(2, 5),
    "text": torch.tensor([[2, 3, 1, 0, 0, 0], [0] * 6]),
}


@pytest.mark.parametrize("info", [IMAGE, TABLE, TEXT], ids=lambda info: info.modality)
def test_every_network_of_a_modality_gives_logits_and_is_documented(info):
    assert names_for(info.modality)[0] == modalities.get(info.modality).network
    for name in names_for(info.modality):
        model = build_model(ModelConfig(name), info, 0)
        assert model(INPUTS[info.modality]).shape == (2, len(info.classes))
        assert models.get(name).__doc__


def test_default_cnn_has_the_documented_size():
    ten = DatasetInfo("i", "image", tuple("abcdefghij"), (1, 28, 28), {}, "")
    assert count_parameters(build_model(ModelConfig(), ten, 0)) == 105_866


def test_same_seed_same_weights_and_the_users_random_state_is_untouched():
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, second, other = (weights_hash(build_model(ModelConfig("mlp"), IMAGE, seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert first == second != other


def test_padding_and_its_vector_never_matter():
    model = build_model(ModelConfig(), TEXT, 0)
    short, long = torch.tensor([[2, 3, 0, 0]]), torch.tensor([[2, 3, 0, 0, 0, 0]])
    assert torch.equal(model(short), model(long))
    model(long).sum().backward()
    gradient = next(model.parameters()).grad
    assert gradient is not None
    assert gradient[0].abs().sum() == 0


def test_a_network_of_another_modality_is_refused():
    with pytest.raises(UserError, match="cannot read tabular"):
        build_model(ModelConfig("cnn"), TABLE, 0)
    with pytest.raises(UserError, match="no model called 'vgg'"):
        build_model(ModelConfig("vgg"), IMAGE, 0)
    with pytest.raises(UserError, match="3x3 pixels are too small"):
        build_model(ModelConfig("cnn"), DatasetInfo("i", "image", ("a",), (1, 3, 3), {}, ""), 0)


@pytest.fixture
def code(tmp_path):
    (tmp_path / "layers_beside.py").write_text("from torch import nn\nhead = nn.Linear\n")
    path = tmp_path / "net.py"
    path.write_text(
        "import math\nfrom torch import nn\nfrom layers_beside import head\ndef build(classes, shape): return "
        "nn.Sequential(nn.Flatten(), head(math.prod(shape), classes))\ndef everything(**known): return "
        "nn.Linear(known['shape'][0], known['classes'])\nclass Net(nn.Module):\n    def __init__(self, classes=2):\n   "
        "     super().__init__(); self.head = nn.Linear(5, classes)\n    def forward(self, x): return "
        "self.head(x)\ndef broken(classes): return 1 / 0\ndef number(): return 3\n"
    )
    trust(path)
    return path


def test_custom_code_runs_only_when_trusted(code):
    with pytest.raises(UserError, match="not trusted"):
        build_model(ModelConfig(f"{code}:build"), TABLE, 0)
    forget(code)
    with pytest.raises(UserError, match="not trusted"):
        build_model(ModelConfig(f"{code}:build"), TABLE, 0, trusted=True)
    trust(code)
    model = build_model(ModelConfig(f"{code}:build"), TABLE, 0, trusted=True)
    assert model(torch.zeros(2, 5)).shape == (2, 2)


def test_custom_functions_get_the_arguments_they_accept(code):
    for name in ("everything", "Net"):
        assert isinstance(build_model(ModelConfig(f"{code}:{name}"), TABLE, 0, trusted=True), nn.Module)


@pytest.mark.parametrize(
    ("name", "message"),
    [("broken", "ZeroDivisionError"), ("number", "returned int"), ("absent", "no function 'absent'.*Net.*build")],
)
def test_custom_code_that_fails_says_why(code, name, message):
    with pytest.raises(UserError, match=re.compile(message, re.DOTALL)):
        build_model(ModelConfig(f"{code}:{name}"), TABLE, 0, trusted=True)


def test_missing_code_file(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        build_model(ModelConfig(f"{tmp_path}/none.py:f"), TABLE, 0, trusted=True)


def test_identity_follows_the_code_and_not_the_place(code, tmp_path):
    config = ModelConfig(f"{code}:build")
    first = identity(config, "tabular")
    assert code_file(config.name) == code
    moved = tmp_path / "elsewhere.py"
    moved.write_text(code.read_text())
    assert identity(ModelConfig(f"{moved}:build"), "tabular") == first
    neighbour = tmp_path / "layers_beside.py"
    neighbour.write_text(neighbour.read_text() + "\n")
    second = identity(config, "tabular")
    assert second != first
    code.write_text(code.read_text() + "\n")
    assert identity(config, "tabular") not in (first, second)
    assert identity(ModelConfig("auto"), "image") == identity(ModelConfig("cnn"), "image")
    assert code_file("cnn") is None


def test_changed_custom_code_is_loaded_anew(code):
    assert build_model(ModelConfig(f"{code}:Net"), TABLE, 0, trusted=True)(torch.zeros(1, 5)).shape == (1, 2)
    code.write_text("from torch import nn\ndef Net(): return nn.Linear(5, 4)\n")
    trust(code)
    assert build_model(ModelConfig(f"{code}:Net"), TABLE, 0, trusted=True)(torch.zeros(1, 5)).shape == (1, 4)
