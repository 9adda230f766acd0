"""Models of the user's own that raise, end the process, print, answer nonsense or something else each time."""

import textwrap
from pathlib import Path

import pytest
from hostile.harness import check, clear, fine, run

GOOD = """
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        return self.layer(x)
"""


def module(body=GOOD, build="return Net()", top="", signature="classes, shape"):
    net = f"class Net(nn.Module):\n{textwrap.indent(textwrap.dedent(body), '    ')}"
    return f"import torch\nfrom torch import nn\n{top}\n\n{net}\n\ndef build({signature}):\n    {build}\n"


def forward(line, init="self.layer = nn.Linear(2, 2)"):
    return module(f"def __init__(self):\n    super().__init__()\n    {init}\n\ndef forward(self, x):\n    {line}\n")


CASES = [
    (
        "plain",
        module(),
        fine(
            "custom",
        ),
    ),
    ("no file", None, clear("net.py")),
    ("no words", "", clear("build")),
    ("no such function", "def other():\n    pass\n", clear("build")),
    ("wrong grammar", "def build(info:\n", clear("net.py")),
    ("NUL bytes", "def build(info): pass\n\0", clear("net.py")),
    ("not UTF-8", b"# caf\xe9\ndef build(info): pass\n", clear("net.py")),
    ("an import that is not there", module(top="import nothing_like_it"), clear("nothing_like_it")),
    ("an import that raises", module(top="raise RuntimeError('at the top')"), clear("at the top")),
    ("an import that ends the process", module(top="import sys; sys.exit(3)"), clear("net.py")),
    ("build is no function", "build = 3\n", clear("build")),
    ("build raises", module(build="raise ValueError('no good')"), clear("no good")),
    ("build ends the process", module(build="raise SystemExit(0)"), clear("build")),
    ("build runs for ever in itself", module(build="return build(classes, shape)"), clear("net.py")),
    ("build returns nothing", module(build="return None"), clear("build")),
    ("build returns a class", module(build="return Net"), clear("build")),
    ("build returns a tensor", module(build="return torch.ones(3)"), clear("build")),
    ("build asks for what there is not", module(signature="classes, moon"), clear("moon")),
    ("forward raises AttributeError", forward("return self.nothing(x)"), clear("nothing")),
    ("forward raises AssertionError", forward("assert x.shape[1] == 99"), clear("net.py")),
    (
        "forward changes its input in train mode alone",
        forward("return self.layer(x.mul_(2) if self.training else x)"),
        clear("in place"),
    ),
    (
        "gradients are sparse",
        forward("return self.layer((x[:, 0] > 0).long())", "self.layer = nn.Embedding(5, 2, sparse=True)"),
        clear("sparse=True"),
    ),
    (
        "weights are complex",
        forward("return (x * self.layer).abs()", "self.layer = nn.Parameter(torch.ones(2, dtype=torch.complex64))"),
        clear("layer is complex"),
    ),
    ("forward divides by nothing", forward("return self.layer(x) * (1 // 0)"), clear("ero")),
    ("forward raises MemoryError", forward("raise MemoryError('too much')"), clear()),
    ("forward raises KeyError", forward("return {}['gone']"), clear("gone")),
    ("forward raises its own", forward("raise Exception('mine')"), clear("mine")),
    ("forward raises a keyboard interrupt's cousin", forward("raise GeneratorExit('bye')"), clear()),
    ("forward ends the process", forward("import sys; sys.exit(0)"), clear("net.py")),
    ("forward recurses", forward("return self.forward(x)"), clear("net.py")),
    ("forward returns nothing", forward("self.layer(x)"), clear()),
    ("forward returns a tuple", forward("return self.layer(x), x"), fine("untrained model")),
    ("forward returns a dictionary", forward("return {'logits': self.layer(x)}"), fine("untrained model")),
    ("forward returns numbers", forward("return self.layer(x).tolist()"), clear()),
    ("one output too many", forward("return self.layer(x)", "self.layer = nn.Linear(2, 3)"), clear("3")),
    ("one output alone", forward("return self.layer(x)", "self.layer = nn.Linear(2, 1)"), clear("1")),
    ("another width of input", forward("return self.layer(x)", "self.layer = nn.Linear(5, 2)"), clear("5")),
    ("rows are mixed up", forward("return self.layer(x).sum(0, keepdim=True)"), clear()),
    ("rows are lost", forward("return self.layer(x)[:-1]"), clear()),
    ("a view of three axes", forward("return self.layer(x)[None]"), clear()),
    ("not a number", forward("return self.layer(x) * float('nan')"), clear()),
    ("endless", forward("return self.layer(x) / 0"), clear()),
    ("complex", forward("return self.layer(x) + 1j"), clear()),
    ("whole numbers", forward("return self.layer(x).long()"), clear()),
    ("already probabilities", forward("return self.layer(x).softmax(1)"), clear("probabilit")),
    ("cut off from its weights", forward("return self.layer(x).detach()"), clear()),
    ("without gradients", forward("with torch.no_grad():\n        return self.layer(x)"), clear()),
    (
        "raises in training alone",
        forward("assert not self.training, 'only in training'; return self.layer(x)"),
        clear("training"),
    ),
    ("a noise of its own", forward("return self.layer(x) + torch.randn(len(x), 2)"), clear()),
    ("it prints", forward("print('hello'); return self.layer(x)"), fine("custom")),
    ("it changes the random state", forward("torch.manual_seed(0); return self.layer(x)"), fine("custom")),
    ("it changes its input", forward("x.zero_(); return self.layer(x)"), clear()),
    (
        "a state that does not save",
        module(GOOD + "\n    def state_dict(self, *a, **k):\n        raise OSError('no state')\n"),
        clear("no state"),
    ),
    ("a state of words", module(GOOD + "\n    def get_extra_state(self):\n        return {'a': 1}\n"), clear()),
    ("lazy weights", forward("return self.layer(x)", "self.layer = nn.LazyLinear(2)"), clear()),
    ("weights on meta", forward("return self.layer(x)", "self.layer = nn.Linear(2, 2, device='meta')"), clear("meta")),
    ("weights of half precision", forward("return self.layer(x)", "self.layer = nn.Linear(2, 2).half()"), clear()),
    (
        "weights not a number",
        module(build="net = Net(); net.layer.weight.data.fill_(float('nan')); return net"),
        clear(),
    ),
    ("a weight of a thousand billion", forward("return self.layer(x)", "self.layer = nn.Linear(2, 10**12)"), clear()),
    (
        "batch normalisation",
        forward("return self.layer(self.norm(x))", "self.norm = nn.BatchNorm1d(2); self.layer = nn.Linear(2, 2)"),
        fine("custom"),
    ),
    (
        "dropout",
        forward("return self.layer(self.drop(x))", "self.drop = nn.Dropout(0.5); self.layer = nn.Linear(2, 2)"),
        fine("custom"),
    ),
]


@pytest.mark.parametrize(("name", "text", "expected"), CASES, ids=[name for name, _, _ in CASES])
def test_modules(name, text, expected, finished, home, tmp_path):
    path = tmp_path / "net.py"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    words = [
        "new",
        "x",
        "--path",
        finished.parent / "people.csv",
        "--split",
        "split",
        "--model",
        f"{path}:build",
        "--trust-code",
    ]
    expected = type(expected)(expected.status, tuple(word for word in expected.words if word != "custom"))
    check(words, expected, home)
    if expected.status == 0:
        status, said = run("train", "-p", "x", "--epochs", 2, "--device", "cpu")
        assert status == 0, said


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--model", "nope"], "nope"),
        (["--model", "net.py"], "net.py"),
        (["--model", "net.py:"], "net.py"),
        (["--model", ":build"], "build"),
        (["--model", "/no/such/net.py:build", "--trust-code"], "net.py"),
        (["--model", "cnn"], "cnn"),
        (["--model", "text"], "text"),
        (["--model", "mlp", "--width=-4"], "--width"),
        (["--model", "mlp", "--width=1000000000"], "--width"),
        (["--model", "logistic", "--inputs", "cooked"], "cooked"),
        (["--model", "logistic", "--inputs", "raw", "--mean", "a,b"], "--mean"),
        (["--model", "logistic", "--inputs", "raw", "--mean", "1,2,3"], "mean"),
        (["--model", "logistic", "--inputs", "raw", "--std", "0"], "std"),
    ],
)
def test_flags_of_models(flags, words, finished, home):
    check(["new", "x", "--path", finished.parent / "people.csv", *flags], clear(words), home)


def test_code_that_is_not_trusted_does_not_run(finished, home, tmp_path):
    (tmp_path / "net.py").write_text(module(top=f"open({str(tmp_path / 'ran')!r}, 'w')"))
    check(
        ["new", "x", "--path", finished.parent / "people.csv", "--model", f"{tmp_path}/net.py:build"],
        clear("net.py", "trust"),
        home,
    )
    assert not Path(tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("line", "init"),
    [("return x", "pass"), ("return self.layer(x)", "self.layer = nn.Linear(2, 2).requires_grad_(False)")],
)
def test_a_model_that_cannot_learn_is_said_when_it_is_to_be_trained(line, init, finished, home, tmp_path):
    (tmp_path / "net.py").write_text(forward(line, init))
    words = [
        "new",
        "x",
        "--path",
        finished.parent / "people.csv",
        "--split",
        "split",
        "--model",
        f"{tmp_path}/net.py:build",
        "--trust-code",
    ]
    check(words, fine(), home)
    check(["train", "-p", "x"], clear("weights"), home)
