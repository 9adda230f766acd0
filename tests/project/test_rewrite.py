"""A row of a chat is rewritten: kept by content, in the ledger in words, taken back, and what models are trained and
asked on, in other processes too."""

import json
import pickle

import chats
import numpy as np
import pytest
from typer.testing import CliRunner

from attribution import Project, RetrainConfig, ScoreConfig, UserError
from attribution.cli import cli
from attribution.datasets.chat.rewriting import kept, number_of, place
from attribution.training.train import fit
from attribution.training.trained import TrainedModel


@pytest.fixture
def project(tmp_path):
    return chats.project(tmp_path)


def taught(project, dataset=None):
    """All weights of the network that a training on today's labels ends with."""
    network = fit(dataset or project.dataset, project.labels, project.model_config, chats.RECIPE)
    return np.concatenate([weight.detach().numpy().ravel() for weight in network.parameters()])


def test_a_rewritten_answer_is_what_is_read_trained_on_and_asked(project, tmp_path):
    row = int(project.dataset.rows("train")[2])
    before = taught(project)
    (edit,) = project.rewrite(row, "It is a secret .")
    assert edit.action == "relabel"
    now = project.dataset.as_of(project.labels)
    assert now.conversation(row).answer == "It is a secret ."
    assert project.dataset.conversation(row).answer != "It is a secret ."
    assert json.loads(now.line(row)["row"])["topic"] == "sums"
    assert now.line(row)["text"] == now.column("text")[row] == now.samples["text"][row]
    assert now.hashes[row] != project.dataset.hashes[row]
    other = np.arange(len(now)) != row
    assert (np.asarray(now.inputs)[other] == np.asarray(project.dataset.inputs)[other]).all()
    # the same as a project whose file says so
    whole = json.loads(now.line(row)["row"])
    records = [json.loads(text) for text in project.dataset.column("row")]
    records[row] = whole
    words = project.dataset.info.preprocessing["vocabulary"]
    tokens = [words[token] for token in now.inputs[row][0][now.inputs[row][1] == 1]]
    assert tokens[:2] == ["it", "is"]
    assert not np.allclose(taught(project), before)
    project.undo()
    assert (taught(project) == before).all()


def test_worker_processes_and_trained_models_read_the_rewritten_tokens(project):
    row = int(project.dataset.rows("train")[0])
    run = project.train()
    project.rewrite(row, "It is 1 .")
    now = project.dataset.as_of(project.labels)
    again = pickle.loads(pickle.dumps(now))
    assert (again.inputs[row] == now.inputs[row]).all()
    x, _ = TrainedModel(project.dataset, project.labels, run, device="cpu").batch([row])
    assert (x.numpy()[0] == now.inputs[row]).all()
    here, there = (
        project.score(ScoreConfig(estimator="ip", queries="test", device="cpu", runner=runner)).matrix()[1]
        for runner in ("serial", "processes")
    )
    assert np.allclose(here, there)


def test_an_entry_says_the_old_and_the_new_words_and_taking_it_back_works(project):
    base = project.labels.version
    project.rewrite(4, "It is one .", reason="wrong")
    project.rewrite(4, "It is two .")
    table = project.edits()
    assert table["new"].tolist() == ["It is two .", "It is one ."]
    assert table["old"].tolist()[0] == "It is one ."
    assert table["old"].tolist()[1] == project.dataset.conversation(4).answer
    project.undo()
    assert project.dataset.as_of(project.labels).conversation(4).answer == "It is one ."
    project.undo()
    assert project.labels.version == base
    project.drop([4])
    assert project.edits()["new"][0] == "as imported, dropped"
    project.undo()
    project.rewrite(4, project.dataset.conversation(4).answer)  # what it says already
    assert project.labels.version == base


def test_a_whole_row_is_rewritten_in_its_schema(project):
    turns = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Nobody."}]
    project.rewrite(1, {"messages": turns, "topic": "ignored"})
    now = project.dataset.as_of(project.labels)
    assert now.conversation(1).question == "Who?"
    assert json.loads(now.line(1)["row"])["topic"] == "sums"


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("  ", "is empty"),
        ({"messages": []}, "no turn"),
        ({"messages": [{"role": "user", "content": "x"}]}, "trains nothing"),
        ({"text": "x"}, "no list of turns"),
        ({"messages": [{"role": "assistant", "content": 7}]}, "no text"),
        ({"messages": [{"role": "user", "content": "a " * 500}, {"role": "assistant", "content": "b"}]}, "beyond"),
    ],
)
def test_what_cannot_be_a_row_is_refused_in_words(project, to, words):
    with pytest.raises(UserError, match=words):
        project.rewrite(0, to)
    assert project.edit_count() == 0


def test_a_kept_text_that_was_changed_or_removed_is_refused(project):
    project.rewrite(0, "It is 9 .")
    value = int(project.labels.values[0])
    assert kept(project.dataset.folder, value)[0] == "messages"
    path = place(project.dataset.folder, value)
    path.write_text(path.read_text().replace("9", "8"))
    with pytest.raises(UserError, match="was changed"):
        taught(Project.open(project.folder))
    path.unlink()
    with pytest.raises(UserError, match="is not there"):
        taught(Project.open(project.folder))
    assert len(project.edits()) == 1  # the ledger still says what it can


def test_a_number_is_of_the_content_and_fits_the_labels():
    one = number_of("text", {"text": "a"})
    assert 0 < one < 1 << 63
    assert one == number_of("text", {"text": "a"}) != number_of("text", {"text": "b"})


def test_the_proof_leaves_rewritten_test_rows_out(project):
    test = project.dataset.rows("test")
    project.rewrite(int(test[0]), "It is 1 .")
    project.rewrite(int(project.dataset.rows("train")[0]), "It is 1 .")
    found = project.retrain(RetrainConfig(seeds=(0, 1, 2), device="cpu"))
    assert json.loads((found.folder / "comparison.json").read_text())["n_test"] == len(test) - 1


def test_the_verb_writes_an_answer_or_a_row(project, tmp_path):
    def typed(*words):
        return CliRunner().invoke(cli, ["edit", "text", *words, "-p", str(project.folder)])

    name = str(project.dataset.ids[0])
    assert typed(name, "--text", "It is 7 .").exit_code == 0
    path = tmp_path / "row.json"
    path.write_text(json.dumps({"messages": [{"role": "assistant", "content": "Hello."}]}))
    assert typed(name, "--file", str(path)).exit_code == 0
    assert project.dataset.as_of(project.labels).conversation(0).answer == "Hello."
    assert "Hello." in CliRunner().invoke(cli, ["edit", "list", "-p", str(project.folder)]).output
    assert isinstance(typed(name).exception, UserError | SystemExit)


def test_a_patch_says_where_a_text_is_not_there(project, tmp_path):
    project.rewrite(0, "It is 9 .")
    patch = project.export("patch", tmp_path / "p.jsonl")
    value = int(project.labels.values[0])
    project.undo()
    assert not project.apply(patch, dry_run=True).conflicts
    place(project.dataset.folder, value).unlink()
    (conflict,) = project.apply(patch, dry_run=True).conflicts
    assert "rewritten" in str(conflict)


def test_a_preview_of_rewritten_rows_is_refused_in_words(project):
    project.train()
    project.rewrite(int(project.dataset.rows("train")[0]), "It is 9 .")
    with pytest.raises(UserError, match="Rows were rewritten"):
        project.preview()


def test_classes_are_not_rewritten(bare_project):
    with pytest.raises(UserError, match="not rewritten"):
        bare_project.rewrite(0, "x")


def test_questions_are_asked_of_the_rewritten_data(project):
    from attribution.datasets.chat.conversation import Conversation
    from attribution.datasets.chat.questions import typed

    asked = typed("why", "why", [(Conversation.of([("user", "What is 1 plus 1?"), ("assistant", "It is 2 .")]), 1.0)])
    project.rewrite(0, "It is a secret .")
    data = project.dataset.with_questions(asked).as_of(project.labels)
    assert data.conversation(0).answer == data.column("text")[0].split("assistant: ")[1] == "It is a secret ."
    assert data.conversation(len(data)).answer == "It is 2 ."
    assert (pickle.loads(pickle.dumps(data)).inputs[[0, len(data)]] == data.inputs[[0, len(data)]]).all()
    project.undo()
    assert data.as_of(project.labels).conversation(0) == project.dataset.conversation(0)
