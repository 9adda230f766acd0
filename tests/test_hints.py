"""Command lines that are printed work when they are pasted."""

import shlex
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from attribution import Project
from attribution.cli import cli
from attribution.cli.common import command
from attribution.errors import UserError
from attribution.settings.configs import DataConfig, ModelConfig


def data(tmp_path, ids=None):
    frame = pd.DataFrame({"x": range(40), "label": ["a", "b"] * 20})
    path = tmp_path / "data.csv"
    (frame if ids is None else frame.assign(id=ids)).to_csv(path, index=False)
    return str(path)


@pytest.mark.parametrize(
    "name", ["plain", "two words", "it's", "a;b $x", "elsewhere/mine", "else where/it's", "named/alike"]
)
def test_the_next_line_finds_the_project(tmp_path, monkeypatch, name):
    home = tmp_path / "home"
    monkeypatch.setenv("DATABLAME_HOME", str(home))
    (home / "alike").mkdir(parents=True)
    (home / "alike" / "project.json").write_text("{}")  # of the same name, but another one
    folder = str(tmp_path / name) if "/" in name else name
    shown = CliRunner().invoke(cli, ["new", folder, "--path", data(tmp_path), "--model", "logistic"])
    assert shown.exit_code == 0, shown.output
    line = next(line for line in shown.output.splitlines() if line.startswith("Next: "))
    words = shlex.split(line.removeprefix("Next: "))
    assert words[:3] == ["datablame", "train", "-p"]
    assert Project.open(words[3]).folder == (tmp_path / name if "/" in name else home / name)


def test_the_next_line_of_a_folder_runs_in_a_shell(tmp_path):
    made = Project.create(tmp_path / "it's mine", DataConfig(path=data(tmp_path)), ModelConfig("logistic"))
    line = command("status", made).replace("datablame", f"{shlex.quote(sys.executable)} -m attribution", 1)
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "it's mine" in done.stdout


def test_examples_of_edits_hold_ids_as_a_shell_takes_them(tmp_path):
    made = Project.create(
        tmp_path / "p",
        DataConfig(path=data(tmp_path, [f"-a b,{i}" for i in range(40)]), id="id"),
        ModelConfig("logistic"),
    )
    runner = CliRunner()
    with pytest.raises(UserError) as found:
        runner.invoke(cli, ["edit", "drop", "-p", str(made.folder)], catch_exceptions=False)
    words = shlex.split(found.value.do.removeprefix("For example: "))
    assert words[-2:] == ["--", made.dataset.ids[0]]
    assert runner.invoke(cli, words[1:]).exit_code == 0
    assert len(made.edits()) == 1


def test_left_out_and_notes_are_told_apart(tmp_path):
    from PIL import Image

    for name in ("bus", "car", "train"):
        for i in range(4):
            path = tmp_path / "in" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), i).save(path)
    for i in range(14):
        (tmp_path / "in" / f"loose{i:02d}.png").write_bytes(b"x")
    shown = CliRunner().invoke(cli, ["new", str(tmp_path / "p"), "--path", str(tmp_path / "in"), "--model", "logistic"])
    lines = shown.output.splitlines()
    assert "26 seen, 12 taken, 14 left out." in lines
    assert sum(line.startswith("left out: loose") for line in lines) == 10
    assert "left out: ... and 4 more lines, listed on the Overview page" in lines
    assert any(line.startswith("note: train: taken as a class") for line in lines)


def test_samples_without_a_label_are_not_counted_to_a_class(tmp_path):
    frame = pd.DataFrame({"x": range(40), "label": ["a", "b"] * 20})
    frame.loc[[3, 10], "label"] = ""
    frame.to_csv(tmp_path / "data.csv", index=False)
    flags = ["--path", str(tmp_path / "data.csv"), "--unlabelled", "keep", "--model", "logistic"]
    shown = CliRunner().invoke(cli, ["new", str(tmp_path / "bare"), *flags])
    assert shown.exit_code == 0, shown.output
    counted = [line.split("  ")[1].strip() for line in shown.output.splitlines() if line.endswith("training samples")]
    assert counted == ["no label", "a", "b"]
