"""Whatever the user's own code does ends in words that name its file, function and line, and changes nothing for
others."""

import random
import signal

import numpy as np
import pytest
import torch
from tiny_world import write_dataset

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.errors import UserError
from attribution.models.build import build_model, check_model
from attribution.models.user_code import guarded
from attribution.trust import trust

HEAD = """
import os, random, sys
import numpy as np
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(4, 3)
    def forward(self, x):
        return self.head(x)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    chance = np.random.default_rng(0)
    ids = [f"s{row}" for row in range(93)]
    return write_dataset(tmp_path_factory.mktemp("data") / "data", chance.normal(size=(93, 4)), np.arange(93) % 3, ids)


def written(tmp_path, body: str) -> ModelConfig:
    path = tmp_path / "net.py"
    path.write_text(HEAD + body)
    trust(path)
    return ModelConfig(f"{path}:build")


def checked(tmp_path, data, body: str) -> None:
    model = build_model(written(tmp_path, body), data.info, 0, trusted=True)
    check_model(model, data)


def forward(line: str, more: str = "") -> str:
    return f"\nclass Net(Base):\n    def forward(self, x):\n        {line}\n{more}\ndef build(): return Net()\n"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("raise ValueError('odd')", "ValueError: odd"),
        ("return self.nothing(x)", "AttributeError: .*nothing"),
        ("assert x.shape[1] == 9, 'nine columns'", "AssertionError: nine columns"),
        ("return self.head(x) / (1 // 0)", "ZeroDivisionError"),
        ("raise MemoryError", "runs out of memory"),
        ("raise Exception('plain')", "Exception: plain"),
        ("sys.exit(3)", "ends the process \\(SystemExit 3\\)"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise StopIteration", "StopIteration"),
        ("return self.head(x[:, :3])", "shapes cannot be multiplied"),
        ("raise OSError(28, 'No space left')", "No space left"),
        ("return self.forward(x)", "RecursionError"),
    ],
)
def test_what_a_forward_raises_names_its_line(tmp_path, data, line, said):
    with pytest.raises(
        UserError, match=rf"fails on an input of shape \(4, 4\): net\.py, line 16, in forward: .*{said}"
    ):
        checked(tmp_path, data, forward(line))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("return torch.softmax(self.head(x), 1)", "returns probabilities"),
        ("return torch.sigmoid(self.head(x))[:, :1]", r"to \(4, 1\)"),
        ("return [[1]], self.head(x)", "to tuple"),
        ("return {'first': self.head(x), 'second': x}", "to dict"),
        ("return None", "to NoneType"),
        ("return self.head(x).argmax(1)", r"to \(4,\)"),
        ("return (self.head(x) * 9).long()", "int64 numbers"),
        ("return self.head(x).to_sparse()", "sparse"),
        ("return self.head(x) / 0", "NaN or infinity"),
        ("return self.head(x) * float('nan')", "NaN or infinity"),
        ("return self.head(x) + torch.randn(len(x), 3)", r"differ by [\d.]+, in eval mode"),
        ("return torch.dropout(self.head(x), 0.5, True)", "differ by"),
        ("self.n = getattr(self, 'n', 0) + 1; return self.head(x) * self.n", "differ by"),
        ("return self.head(x - x.mean(0))", "depends on its batch"),
        ("torch.manual_seed(0); return self.head(x) + torch.randn(len(x), 3)", "depends on its batch"),
        ("x -= 1; return self.head(x)", "changes its input in place"),
        (
            "self.z = getattr(self, 'z', nn.Parameter(torch.zeros(3))); return self.head(x) + self.z",
            r"z was not there, is \(3,\)",
        ),
        ("return self.head(x).detach()", "cut off from its weights"),
        ("return torch.tensor(self.head(x).tolist())", "cut off from its weights"),
        (
            "return self.head(x) * 1.0 if not self.training else 1 / 0",
            "line 16.*ZeroDivisionError.*asked in train mode",
        ),
        ("return self.head(x) + 0 * torch.sqrt(0 * self.head.weight.sum())", "gradient of the loss is NaN"),
    ],
)
def test_outputs_that_cannot_be_worked_with(tmp_path, data, line, said):
    with pytest.raises(UserError, match=said):
        checked(tmp_path, data, forward(line))


def test_log_probabilities_are_logits(tmp_path, data):
    checked(tmp_path, data, forward("return torch.log_softmax(self.head(x), 1)"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def build(): return 1 / 0", r"line 13, in build: ZeroDivisionError"),
        ("def build(): sys.exit()", "ends the process"),
        ("def build(): raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("def build(): return 3", "returned int"),
        (
            "class N(Base):\n    def train(self, mode=True): super().train(mode)\ndef build(): return N()",
            r"eval\(\) of the model of net.py:build returns NoneType",
        ),
        (
            "class N(Base):\n    @property\n    def config(self): return 1 / 0\ndef build(): return N()",
            "line 15, in config: ZeroDivisionError",
        ),
        (
            "class N(Base):\n    def forward(self, x, mask): return self.head(x)\ndef build(): return N()",
            r"one tensor.*Wrap it",
        ),
        ("def build(depth): return Base()", "needs 'depth', which nobody gives it.*class_names"),
        ("def build(:", r"line 13: SyntaxError"),
        ("import nothing_of_that_name", "No module named.*Install 'nothing_of_that_name'"),
        ("sys.exit('as a script')", "ends the process.*Take the exit out"),
        ("def build():\n    m = Base()\n    m.head = nn.LazyLinear(3)\n    return m", "head.weight has no values yet"),
        ("def build():\n    with torch.device('meta'): return Base()", "has no values yet"),
        ("def build(): return Base().double()", r"handed float32; its weights are float64.*model\.float\(\)"),
        (
            "class N(Base):\n    def get_extra_state(self): return {'a': 1}\n    def set_extra_state(self, s): "
            "pass\ndef build(): return N()",
            "no tensor",
        ),
        (
            "def build():\n    m = Base()\n    m.register_state_dict_post_hook(lambda s, d, p, l: "
            "print(d.pop('head.bias')))\n    return m",
            "does not load again",
        ),
        (
            "def build():\n    m = Base()\n    m.register_forward_hook(lambda m, i, o: 1 / 0)\n    return m",
            "line 15, in <lambda>: ZeroDivisionError",
        ),
    ],
)
def test_builders_that_cannot_be_worked_with(tmp_path, data, body, said):
    with pytest.raises(UserError, match=said):
        checked(tmp_path, data, body)


def test_what_user_code_changes_is_put_back(tmp_path, data, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    body = (
        "\ndef spoil():\n    torch.manual_seed(1); np.random.seed(1); random.seed(1); "
        "torch.set_default_dtype(torch.float64)\n    torch.set_grad_enabled(False); os.chdir('/'); print('hello'); "
        "sys.stdout.close()\nclass Net(Base):\n    def forward(self, x):\n        spoil(); return "
        "self.head(x.float())\ndef build():\n    m = Net()\n    spoil()\n    return m\n"
    )
    config = written(tmp_path, body)
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    expected = float(torch.rand(1)), float(np.random.rand()), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    model = build_model(config, data.info, 0, trusted=True)
    with pytest.raises(UserError, match="cut off"):  # it turns gradients off, and that is said
        check_model(model, data)
    assert (float(torch.rand(1)), float(np.random.rand()), random.random()) == expected
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()
    assert str(tmp_path) == __import__("os").getcwd()
    assert capsys.readouterr().out == ""


def test_a_check_learns_nothing(tmp_path, data):
    body = "\ndef build(): return nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3))\n"
    model = build_model(written(tmp_path, body), data.info, 0, trusted=True).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check_model(model, data)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())
    assert not model.training


def test_errors_of_later_work_are_words_too(tmp_path):
    import pandas as pd

    chance = np.random.default_rng(0)
    pd.DataFrame({"a": chance.normal(size=90), "b": chance.normal(size=90), "label": np.arange(90) % 3}).to_csv(
        tmp_path / "t.csv", index=False
    )
    (tmp_path / "late.py").write_text(
        "from torch import nn\nclass Late(nn.Module):\n    def __init__(self):\n        super().__init__()\n        "
        "self.head = nn.Linear(2, 3)\n    def forward(self, x):\n        if len(x) > 4:\n            raise "
        "SystemExit(7)\n        return self.head(x)\n"
    )
    recipe = TrainConfig(epochs=1, device="cpu")
    with pytest.raises(UserError, match=r"late\.py, line 8, in forward: it ends the process"):
        Project.create(
            "late",
            DataConfig(path=str(tmp_path / "t.csv")),
            ModelConfig(f"{tmp_path / 'late.py'}:Late"),
            recipe,
            trust_code=True,
        )
    (tmp_path / "late.py").write_text(
        (tmp_path / "late.py")
        .read_text()
        .replace("len(x) > 4", "self.training and len(x) > 4")
        .replace("SystemExit(7)", "RuntimeError('late')")
    )
    project = Project.create(
        "later",
        DataConfig(path=str(tmp_path / "t.csv")),
        ModelConfig(f"{tmp_path / 'late.py'}:Late"),
        recipe,
        trust_code=True,
    )
    for work in (project.train, lambda: project.step("train")(recipe, None)):
        with pytest.raises(UserError, match=r"late\.py, line 8, in forward: RuntimeError: late.*while it was"):
            work()


def test_an_exit_in_a_worker_process_is_words(tmp_path):
    import pandas as pd

    from attribution import ScoreConfig

    chance = np.random.default_rng(0)
    pd.DataFrame({"a": chance.normal(size=90), "b": chance.normal(size=90), "label": np.arange(90) % 3}).to_csv(
        tmp_path / "t.csv", index=False
    )
    (tmp_path / "net.py").write_text(
        "import multiprocessing\nfrom torch import nn\nclass N(nn.Module):\n    def __init__(self):\n        "
        "super().__init__()\n        self.head = nn.Linear(2, 3)\n    def forward(self, x):\n        if "
        "multiprocessing.parent_process() is not None:\n            raise SystemExit(5)\n        return self.head(x)\n"
    )
    recipe = TrainConfig(epochs=1, device="cpu")
    project = Project.create(
        "w", DataConfig(path=str(tmp_path / "t.csv")), ModelConfig(f"{tmp_path / 'net.py'}:N"), recipe, trust_code=True
    )
    project.train()
    with pytest.raises(UserError, match=r"net\.py, line 9, in forward: it ends the process"):
        project.score(ScoreConfig(queries="test", runner="processes", workers=2, device="cpu"))


def test_our_own_faults_and_control_c_pass():
    with pytest.raises(ZeroDivisionError), guarded("nothing"):
        print(1 / 0)
    # A process that was started in the background ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), guarded("nothing"):
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_samples_without_an_answer_are_named(tmp_path, data):
    from attribution.models.checkpoints import save_checkpoint
    from attribution.training.train import adopt

    body = (
        "\nclass N(Base):\n    def forward(self, x): return self.head(x) / (x[:, :1] != float(WORST))\ndef "
        "build(): return N()\n"
    )
    worst = float(data.tensor([7])[0, 0])
    config = written(tmp_path, body.replace("WORST", repr(worst)))
    save_checkpoint(build_model(config, data.info, 0, trusted=True), tmp_path / "w.safetensors")
    own = ModelConfig(config.name, checkpoints=(str(tmp_path / "w.safetensors"),))
    with pytest.raises(UserError, match=r"NaN or infinity for sample s7 \(1 of 93 samples\)"):
        adopt(data, data.base_version(), own, tmp_path / "runs", trusted=True)
