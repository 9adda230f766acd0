"""Every page with chats: it opens, shows turns, and speaks of what there is instead of labels."""

import re
import shutil

import pytest
from chats_made import finished_project
from shown import PAGES, PLUMBING, everything

from attribution import Project


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    return finished_project(tmp_path_factory.mktemp("chats")).folder


@pytest.fixture
def project(finished, tmp_path, monkeypatch):
    """A copy of the finished project in a home of its own."""
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    shutil.copytree(finished, tmp_path / "home" / "chats")
    return Project.open("chats")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_opens_with_chats(app, project, page):
    test = app(page, project="chats")
    assert not test.error, [error.value for error in test.error]
    assert test.title


SAYS = {
    "overview": ("Test loss", "perplexity", "learned tokens", "Largest losses"),
    "influence": ("Pull towards this answer", "The model learns these words"),
    "review": ("No wrong labels to look for in texts", "Exact repeats"),
    "retrain": ("Test loss", "nats per token", "1 rewritten"),
    "history": ("rewritten",),
    "memorization": ("Not measured for texts",),
    "fairness": ("Not measured for texts",),
}


@pytest.mark.parametrize("page", SAYS)
def test_a_page_says_what_there_is_of_texts(app, words, project, page):
    shown = words(app(page, project="chats"))
    for expected in SAYS[page]:
        assert expected in shown


@pytest.mark.parametrize("page", [page for page in PAGES if page != "new_project"])
def test_no_page_of_chats_asks_for_a_class(app, project, page):
    shown = re.sub(r"<script>.*?</script>", " ", "\n".join(everything(app(page, project="chats").main)))
    lines = [line for line in shown.splitlines() if not line.startswith(("js_content", "html_content", "css_content"))]
    asked = re.compile(r"\bclass(es)?\b|\baccura|\bRelabel\b", re.IGNORECASE)
    said = [line for line in lines if asked.search(PLUMBING.sub(" ", line))]
    assert not said, said


def test_an_answer_is_rewritten_on_its_card(app, project):
    test = app("influence", project="chats")
    field = next(one for one in test.text_area if one.key.startswith("value-relabel-helped"))
    row = int(field.key.split("-")[3])
    field.set_value("Water <b>them</b>.")
    test.button(key=field.key.replace("value-", "set-")).click().run()
    assert not test.exception
    assert not test.error
    assert (
        Project.open("chats")
        .dataset.as_of(Project.open("chats").labels)
        .conversation(row)
        .answer.endswith("Water <b>them</b>.")
    )
    assert "Water &lt;b&gt;them&lt;/b&gt;." in "\n".join(everything(test.main))


def test_faulty_rows_are_dropped_in_one_batch(app, project, press):
    test = app("review", project="chats")
    press(test, "drop-faulty-")
    dropped = Project.open("chats").edits()
    assert set(dropped.iloc[:1]["reason"]) == {"hygiene"}
    assert not test.error


def test_new_project_shows_a_chat_before_it_is_made(app, project, finished):
    test = app("new_project")
    test.text_input(key="path").set_value(str(finished.parent / "chats.jsonl")).run()
    assert not test.exception
    assert not test.error
    shown = "\n".join(everything(test.main))
    assert "60 conversations of up to" in shown
    assert "The model learns these words" in shown
    assert "Which column holds the label" not in shown
    assert "hf:smollm2" in shown
    test.selectbox(key="network").set_value("hf").run()
    assert "SmolLM2-135M-Instruct" in "\n".join(everything(test.main))
    test.text_input(key="network-hf").set_value("somewhere").run()
    assert not test.exception
    assert test.number_input(key="adapt-rank").value == 8
    assert test.number_input(key="adapt-layers").value == 2
