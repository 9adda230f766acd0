"""The command line on a chat project: results can be read, and say what they are of."""

import chats
import pytest
from typer.testing import CliRunner

from attribution.cli import cli


@pytest.fixture
def said(tmp_path, monkeypatch):
    """``said(*words)``: what a verb prints about a trained project of sums."""
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    chats.project(tmp_path).train()

    def run(*words):
        done = CliRunner().invoke(cli, [*words, "-p", "chat"])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_a_score_shows_question_and_answer_with_heads_unit_and_share(said):
    output = said("score", "--queries", "test", "--k", "3", "--top", "5", "--estimator", "ip")
    lines = output.splitlines()
    shown = [line for line in lines if line.startswith("  helped") and "1." in line]
    assert "What is" in shown[0]
    assert "plus" in shown[0]
    assert " \u2192 It is" in shown[0]
    assert "as imported" not in output
    head = next(line for line in lines if " rank " in line)
    assert head.split() == ["rank", "sample", "influence", "cosine", "what", "it", "is"]
    assert head.index("what it is") == shown[0].index("What is")
    assert "Influence " in output
    assert "positive: training on it lowers the loss." in output
    assert "Covers 100 % of" in output
    assert "3 are kept a side; --k 5 keeps more." in output
    assert next(line for line in lines if line.startswith("query ")).count("What is") == 1


def test_browse_shows_the_beginnings_of_rows_with_units_and_a_single_one_whole(said):
    listed = said("browse", "split:train", "--limit", "3").splitlines()
    assert "loss (nats" in listed[0]
    assert listed[0].endswith("conversation")
    assert "What is 0 plus" in listed[1]
    assert " \u2192 It is" in listed[1]
    name = listed[1].split()[0]
    whole = said("browse", f"id:{name}")
    assert f"id: {name}" in whole
    assert "topic: sums" in whole
    assert "user: What is" in whole
    assert "assistant: It is" in whole
    assert "1 of 36 samples" in whole
    said("edit", "text", name, "--text", "It is a lot .")
    assert "assistant: It is a lot ." in said("browse", f"id:{name}")
    assert "user:" not in said("browse", f"id:{name}", "--columns", "id,loss")


def test_retrain_says_first_how_many_trainings_it_makes(said):
    said("edit", "drop", "line-00002")
    lines = said("retrain", "--bootstrap", "50").splitlines()
    told = next(place for place, line in enumerate(lines) if line.startswith("6 trainings, about "))
    assert lines[told].endswith("those before the edits are made only once.")
    assert told < next(place for place, line in enumerate(lines) if " %  " in line)
