"""The verb that finds samples, run as a user runs it."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from attribution.cli import cli


@pytest.fixture
def said(tiny_project):
    """``said(*words)``: what the verb prints about the tiny project."""

    def run(*words, verb="browse"):
        done = CliRunner().invoke(cli, [verb, *words, "-p", "digits"])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_it_prints_a_table_and_how_many_there_are(said, tiny_project):
    rows = tiny_project.find("right:no split:test", "-loss")
    output = said("right:no split:test", "--sort", "-loss", "--limit", "2")
    assert f"{len(rows):,} of 420 samples; the first 2 are shown" in output
    assert [line.split()[0] for line in output.splitlines()[1:3]] == list(tiny_project.dataset.ids[rows[:2]])
    assert "0 of 420 samples" in said("tag:nothing")


def test_it_writes_all_of_them_to_a_file(said, tiny_project, tmp_path):
    out = tmp_path / "wrong.parquet"
    said("right:no", "--columns", "id,label,loss", "--out", str(out))
    written = pd.read_parquet(out)
    assert list(written.columns) == ["id", "label", "loss"]
    assert written["id"].tolist() == list(tiny_project.dataset.ids[tiny_project.find("right:no")])


def test_a_view_is_saved_listed_and_used(said, tiny_project):
    said("mistakes", "--words", "right:no", "--sort", "-loss", verb="views")
    assert [(view.words, view.sort) for view in tiny_project.views()] == [("right:no", "-loss")]
    listed = said(verb="views")
    assert "view mistakes: right:no sorted by -loss" in listed
    assert "suspicion" in listed
    rows = tiny_project.find("right:no split:test", "-loss")
    output = said("--view", "mistakes", "split:test")
    assert f"{len(rows):,} of 420 samples" in output
    assert output.splitlines()[1].split()[0] == tiny_project.dataset.ids[rows[0]]
    assert CliRunner().invoke(cli, ["browse", "--view", "none", "-p", "digits"]).exit_code != 0
    said("mistakes", "--forget", verb="views")
    assert tiny_project.views() == []
