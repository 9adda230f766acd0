"""Networks by SOURCE:NAME and handed over from Python, their arguments, named inputs and outputs in structures."""

import re

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from attribution.datasets.dataset import DatasetInfo
from attribution.errors import UserError
from attribution.gradients.engine import GradientEngine
from attribution.gradients.fallback import Fallback
from attribution.models.arguments import values_of
from attribution.models.build import build_model, identity
from attribution.models.checkpoints import weights_hash
from attribution.models.packed import packed, takes_packed, unpacked
from attribution.models.sources import source_of, sources
from attribution.models.sources.given import attach, hand_over
from attribution.settings.configs import ModelConfig, model_request
from attribution.trust import code_file, trust

TABLE = DatasetInfo("t", "tabular", ("a", "b", "c"), (4,), {}, "")


class Two(nn.Module):
    """Reads words and a mask by name, and returns a dict; a bare parameter takes the fallback route."""

    datablame_fields = ("ids", "mask")

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 5)
        self.shift = nn.Parameter(torch.randn(5))
        self.head = nn.Linear(5, 3)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, labels: object = None) -> dict[str, object]:
        seen = mask.unsqueeze(-1).to(self.shift.dtype)
        mean = (self.embedding(ids) * seen).sum(1) / seen.sum(1)
        return {"logits": self.head(torch.tanh(mean + self.shift)), "hidden": mean, "loss": None}


def test_every_source_says_what_a_form_needs():
    assert {"given", "hf", "timm", "torchvision"} <= set(sources.names())
    for source in sources.each():
        assert source.title
        assert source.summary
        assert source.example.startswith(f"{source.name}:")


@pytest.mark.parametrize(
    ("name", "said"),
    [("timn:vit", "no source of networks called 'timn'.*timm:vit"), ("timm:", "names no network"), (":x", "no source")],
)
def test_a_name_without_a_source_is_refused(name, said):
    with pytest.raises(UserError, match=said):
        source_of(name)


@pytest.mark.parametrize("name", ["auto", "mlp", "net.py:build", "/a/b.py:build"])
def test_other_names_have_no_source(name):
    assert source_of(name) is None


def test_arguments_are_numbers_booleans_and_words():
    written = ("depth=2", "drop=1e-1", "bias=False", "act=gelu", "size=64/32", "path=a/b", "none=none")
    assert values_of(written) == {
        "depth": 2,
        "drop": 0.1,
        "bias": False,
        "act": "gelu",
        "size": (64, 32),
        "path": "a/b",
        "none": None,
    }


@pytest.mark.parametrize(("written", "said"), [(("depth",), "NAME=VALUE"), (("a=1", "a=2"), "given twice")])
def test_arguments_that_are_none_are_refused(written, said):
    with pytest.raises(UserError, match=said):
        values_of(written)


def built(tmp_path, code, arguments=(), info=TABLE):
    file = tmp_path / "net.py"
    file.write_text(f"import torch\nfrom torch import nn\n\n\n{code}\n")
    name = f"{file}:build"
    trust(code_file(name))
    return build_model(ModelConfig(name, arguments=arguments), info, 0, trusted=True)


def test_arguments_reach_the_users_function(tmp_path):
    made = "nn.Sequential(nn.Linear(4, hidden, bias=bias), nn.Linear(hidden, classes))"
    code = f"def build(classes, hidden, bias=True):\n    return {made}"
    net = built(tmp_path, code, ("hidden=7", "bias=false"))
    assert {name: tuple(value.shape) for name, value in net.state_dict().items()} == {
        "0.weight": (7, 4),
        "1.weight": (3, 7),
        "1.bias": (3,),
    }
    with pytest.raises(UserError, match=r"takes no argument 'depth'.*classes, hidden, bias"):
        built(tmp_path, code, ("hidden=7", "depth=2"))
    with pytest.raises(UserError, match=r"needs 'hidden'.*--arguments hidden=VALUE"):
        built(tmp_path, code)


def test_a_built_in_network_takes_no_arguments():
    with pytest.raises(UserError, match="takes no arguments"):
        build_model(ModelConfig("mlp", arguments=("depth=2",)), TABLE, 0)


def test_arguments_enter_keys_only_where_there_are_some():
    assert "arguments" not in identity(ModelConfig("mlp"), "tabular")
    assert "arguments" not in model_request(ModelConfig("mlp"))
    first, second = (identity(ModelConfig("mlp", arguments=(one,)), "tabular") for one in ("a=1", "a=2"))
    assert first != second
    assert model_request(ModelConfig("mlp", arguments=("a=1",)))["arguments"] == ["a=1"]


@pytest.mark.parametrize(
    "returned",
    ["(y, x)", "{'logits': y, 'hidden': x}", "{'only': y}", "Made(y)"],
    ids=["tuple", "dict", "one", "object"],
)
def test_outputs_are_found_in_what_a_model_returns(tmp_path, returned):
    code = (
        "class Made:\n    def __init__(self, y):\n        self.logits = y\n\n\n"
        "class Net(nn.Linear):\n    def forward(self, x):\n        y = super().forward(x)\n"
        f"        return {returned}\n\n\ndef build():\n    return Net(4, 3)"
    )
    net = built(tmp_path, code)
    x = torch.randn(5, 4)
    assert torch.equal(net(x), x @ net.weight.T + net.bias)
    assert set(net.state_dict()) == {"weight", "bias"}


def test_a_users_task_says_which_output_counts(tmp_path, monkeypatch):
    from attribution.tasks.classification import Classification

    monkeypatch.setattr(Classification, "outputs", lambda self, raw: raw["second"])
    forward = "return {'first': x, 'second': super().forward(x)}"
    code = (
        f"class Net(nn.Linear):\n    def forward(self, x):\n        {forward}\n\n\ndef build():\n    return Net(4, 3)"
    )
    net = built(tmp_path, code)
    assert net(torch.randn(2, 4)).shape == (2, 3)


def test_named_inputs_come_out_of_one_tensor():
    ids, mask = torch.randint(0, 9, (6, 4)), torch.ones(6, 4, dtype=torch.int64)
    x, names = packed({"ids": ids, "mask": mask})
    assert (x.shape, names) == ((6, 2, 4), ("ids", "mask"))
    net = takes_packed(Two())
    assert torch.equal(net(x)["logits"], net(ids=ids, mask=mask)["logits"])
    assert takes_packed(net) is net
    assert len(net._forward_pre_hooks) == 1


def test_parts_of_other_shapes_and_types_are_cut_out():
    x = torch.arange(22.0).reshape(2, 11)
    found = unpacked(x, {"picture": (2, 4), "words": ((3,), torch.int64)})
    assert found["picture"].shape == (2, 2, 4)
    assert found["words"].dtype == torch.int64
    assert found["words"].tolist() == [[8, 9, 10], [19, 20, 21]]
    with pytest.raises(UserError, match=re.escape("11 wide together; it was handed (2, 4)")):
        unpacked(torch.zeros(2, 4), {"picture": (2, 4), "words": (3,)})


def test_gradients_of_a_model_with_named_inputs_and_a_dict_are_exact():
    torch.manual_seed(0)
    info = DatasetInfo("t", "tabular", ("a", "b", "c"), (2, 4), {}, "")
    net = build_model(ModelConfig(hand_over(Two())), info, 0).eval()
    ids, mask = torch.randint(0, 9, (6, 4)), torch.ones(6, 4, dtype=torch.int64)
    mask[1, 2:] = 0
    x, y = torch.stack([ids, mask], 1), torch.randint(0, 3, (6,))
    engine = GradientEngine(net)
    names = tuple(name for name, _ in net.named_parameters())
    by_vmap = Fallback(net, names, engine.loss, loop=False)
    for found in (engine.gradients(x, y), by_vmap.gradients(x, y)):
        for row in range(6):
            value = cross_entropy(net(ids=ids[row, None], mask=mask[row, None]), y[row, None])
            for name, slope in zip(names, torch.autograd.grad(value, list(net.parameters())), strict=True):
                assert torch.allclose(found[name][row], slope, atol=1e-6)


def test_a_module_is_kept_as_it_was_handed_over():
    net = nn.Linear(4, 3)
    name = hand_over(net)
    before = weights_hash(net)
    nn.init.zeros_(net.weight)
    assert weights_hash(build_model(ModelConfig(name), TABLE, 5)) == before
    assert hand_over(nn.Linear(4, 3)) != name
    assert identity(ModelConfig(name), "tabular")["name"] == name


def test_a_function_builds_anew_with_what_it_asks_for():
    def build(classes, hidden=3):
        return nn.Sequential(nn.Linear(4, hidden), nn.Linear(hidden, classes))

    name = hand_over(build)
    first, again, second = (build_model(ModelConfig(name, arguments=("hidden=5",)), TABLE, seed) for seed in (0, 0, 1))
    assert first[0].weight.shape == (5, 4)
    assert weights_hash(first) == weights_hash(again) != weights_hash(second)


def test_a_network_of_another_process_is_refused_until_it_is_attached():
    net = nn.Linear(4, 3)
    name = hand_over(net)
    from attribution.models.sources import given

    given._objects.clear()
    with pytest.raises(UserError, match=r"'Linear' was handed over from Python.*project\.attach\(model=net\)"):
        build_model(ModelConfig(name), TABLE, 0)
    with pytest.raises(UserError, match="another network"):
        attach(name, nn.Linear(4, 2))
    fresh = nn.Linear(4, 3)
    attach(name, fresh, net.state_dict())
    assert weights_hash(build_model(ModelConfig(name), TABLE, 0)) == weights_hash(net)


def test_no_network_is_refused():
    with pytest.raises(UserError, match="model is int"):
        hand_over(3)
