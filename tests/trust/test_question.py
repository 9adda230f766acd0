"""What is shown before code runs, in the shell and in words."""

import hashlib
import os
import time

import pytest

from attribution import DataConfig, ModelConfig, Project, TrainConfig, UserError
from attribution.trust import look, trust
from attribution.trust.loading import running

NET = (
    "import torch\nimport widths_beside\n\n\ndef build(classes):\n    return torch.nn.Sequential(torch.nn.Flatten(), "
    "torch.nn.Linear(64, classes))\n"
)


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def code(tmp_path):
    (tmp_path / "widths_beside.py").write_text("WIDTH = 8\n")
    (tmp_path / "net.py").write_text(NET)
    return tmp_path / "net.py"


@pytest.fixture
def datablame():
    from typer.testing import CliRunner

    from attribution.cli import cli

    return lambda *words, **more: CliRunner().invoke(cli, [str(word) for word in words], **more)


def test_the_shell_says_what_it_trusts_and_asks(datablame, code, digits):
    beside = code.parent / "widths_beside.py"
    said = datablame("new", "own", "--path", digits[0], "--model", f"{code}:build", "--trust-code")
    assert said.exit_code == 0, said
    assert f"trusted: {code}  SHA-256 {sha(code)}" in said.output
    assert f"trusted: {beside}  SHA-256 {sha(beside)}" in said.output
    assert "trusted already" in datablame("trust", "-p", "own").output

    before = sha(beside)
    beside.write_text("WIDTH = 9\n")
    refused = datablame("trust", "-p", "own", input="")
    assert isinstance(refused.exception, UserError)
    assert "Nothing was trusted" in str(refused.exception)
    said = datablame("trust", "-p", "own", input="n\n")
    assert f"{beside} changed: SHA-256 {sha(beside)}, was {before}" in said.output
    assert not Project.open("own").trusted
    assert datablame("trust", "-p", "own", input="y\n").output.endswith("trusted\n")
    assert Project.open("own").trusted
    assert "no longer" in datablame("trust", "-p", "own", "--take-back").output
    assert not Project.open("own").trusted
    assert datablame("trust", "-p", "own", "--yes").exit_code == 0
    assert Project.open("own").trusted


def test_a_project_of_code_that_is_trusted_already_needs_no_second_yes(code, digits):
    model = ModelConfig(name=f"{code}:build")
    with pytest.raises(UserError, match=sha(code)):
        Project.create("own", DataConfig(path=str(digits[0])), model)
    trust(code)
    assert Project.create("own", DataConfig(path=str(digits[0])), model).trusted


def test_a_relative_name_is_the_same_file_for_jobs(code, digits, monkeypatch):
    """A job works elsewhere, where the same words may name another file."""
    monkeypatch.chdir(code.parent)
    project = Project.create("own", DataConfig(path=str(digits[0])), ModelConfig(name="net.py:build"), trust_code=True)
    assert project.model_config.name == f"{code}:build"


def test_a_job_s_process_asks_the_same_file(code, digits):
    """It works elsewhere and later: what was changed meanwhile does not run, and the job says why."""
    model, recipe = ModelConfig(name=f"{code}:build"), TrainConfig(epochs=1, device="cpu")
    project = Project.create("own", DataConfig(path=str(digits[0])), model, recipe, trust_code=True)
    ran = code.parent / "ran"
    (code.parent / "widths_beside.py").write_text(f"WIDTH = 9\nopen({str(ran)!r}, 'w')\n")
    for state in ("failed", "done"):
        job = project.submit("train")
        while (now := project.job(job.id)).active:
            time.sleep(0.2)
        assert now.state == state, now.log_tail()
        assert (state == "done") == ran.exists()
        if state == "failed":
            assert f"{code.parent / 'widths_beside.py'} changed" in now.error["what"]
        project.trust_code()


def test_a_built_in_network_has_nothing_to_trust(bare_project):
    assert bare_project.code is None
    assert not bare_project.trusted
    with pytest.raises(UserError, match="built in"):
        bare_project.trust_code()


def test_a_path_cannot_paint_over_the_question(tmp_path):
    path = tmp_path / "net\x1b[2K\rharmless.py"
    path.write_text("")
    asked = look(path)
    assert all(line.isprintable() for line in asked.lines())
    assert asked.refusal().what.isprintable()


def test_a_name_that_is_not_utf_8(tmp_path):
    name = os.fsencode(tmp_path) + b"/net\xff.py"
    with open(name, "w") as stream:
        stream.write("VALUE = 1\n")
    path = os.fsdecode(name)
    assert trust(path).trusted
    assert all(line.isprintable() for line in look(path).lines())
    with running(look(path).path) as module:
        assert module.VALUE == 1


@pytest.mark.parametrize(
    "name",
    [
        "a\0b.py",
        "~nobody-of-this-name/net.py",
        "/" + "x" * 5000 + "/net.py",
        "HERE/LOOP/net.py",
        "HERE/FOLDER.py",
        "HERE/PIPE.py",
    ],
)
def test_what_cannot_be_a_code_file_is_said(tmp_path, name):
    (tmp_path / "LOOP").symlink_to(tmp_path / "LOOP")
    (tmp_path / "FOLDER.py").mkdir()
    os.mkfifo(tmp_path / "PIPE.py")
    with pytest.raises(UserError, match=r"cannot be a code file|There is no file"):
        trust(name.replace("HERE", str(tmp_path)))


def test_a_file_that_is_gone_is_said(tmp_path):
    with pytest.raises(UserError, match="There is no file"):
        trust(tmp_path / "none.py")
