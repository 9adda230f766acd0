"""Which program a command of the user's starts."""

import os
import sys

import pytest

from attribution.trust.commands import program


@pytest.fixture
def bare(monkeypatch, tmp_path):
    """No environment is active, and the first Python on the path is another one."""
    other = tmp_path / "bin" / "python"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}/nowhere")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_python_is_this_one_where_no_environment_is_active(bare):
    assert program("python", bare) == sys.executable


@pytest.mark.parametrize("name", ["VIRTUAL_ENV", "CONDA_PREFIX"])
def test_python_is_that_of_the_active_environment(bare, name, monkeypatch):
    monkeypatch.setenv(name, str(bare))
    assert program("python", bare) == "python"
    assert program("python3", bare) == sys.executable  # which the environment lacks


def test_another_program_and_a_path_are_left_as_they_are(bare):
    assert program("bash", bare) == "bash"
    assert program("./train", bare) == str(bare / "train")
