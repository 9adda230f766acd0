"""The commands that a report names lead to the same data, the same model and the same verdict."""

import shlex

from typer.testing import CliRunner

from attribution import Project, RetrainConfig
from attribution.cli import cli
from attribution.report import State
from attribution.report.commands import commands
from attribution.report.html import text


def test_a_stranger_gets_the_same_hashes_and_the_same_verdict(tiny_project, digits, tmp_path, monkeypatch):
    queue = tiny_project.flags().queue(8)
    rows = queue["row"].tolist()
    tiny_project.relabel(rows[:6], dict(zip(rows, queue["suggested"], strict=True)), reason="it's a <b>7</b>")
    tiny_project.drop(rows[6:])
    proof = tiny_project.retrain(RetrainConfig(device="cpu"))
    lines = commands(State(tiny_project))
    tiny_project.export("patch", tmp_path / "there" / "edits.jsonl")
    (tmp_path / "there" / "digits.npz").write_bytes(digits[0].read_bytes())
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "there" / "home"))
    monkeypatch.chdir(tmp_path / "there")
    for line in lines:
        words = shlex.split(line, comments=True)
        if words:
            assert words[0] == "datablame"
            done = CliRunner().invoke(cli, words[1:], catch_exceptions=False)
            assert done.exit_code == 0, done.output
    there = Project.open("digits")
    assert there.folder != tiny_project.folder
    assert there.info.base_hash == tiny_project.info.base_hash
    assert there.labels.version == tiny_project.labels.version
    assert there.run.id == tiny_project.run.id
    assert there.comparisons()[0].verdict == proof.verdict
    assert there.flags().config["folds"] == 3
    report = (tmp_path / "there" / "report.html").read_text(encoding="utf-8")
    assert text(proof.verdict) in report
