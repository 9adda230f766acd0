"""The pages of a chat project: a behaviour asked about in the place of a sample, and its rate before and after."""

import shutil

import chat_world
import pytest

from attribution import Project, RemovalConfig, RetrainConfig, ScoreConfig
from attribution.datasets.chat.behaviour import ask
from attribution.project.home import home


@pytest.fixture(scope="module")
def looped(tmp_path_factory):
    """A chat project that was scored, measured and retrained; copy it before writing."""
    project = chat_world.build(tmp_path_factory.mktemp("looped"))
    lines = [{"prompt": question, "held": place > 1} for place, question in enumerate(chat_world.UNSEEN)]
    project.behaviours.add("refuses", lines, unwanted=chat_world.REFUSAL)
    project.score(ScoreConfig(estimator="cosine", queries="behaviour:refuses", device="cpu"))
    project.drop(chat_world.planted(project)[3:])
    project.retrain(RetrainConfig(bootstrap=100, device="cpu"))
    return project.folder


@pytest.fixture
def chats(looped):
    shutil.copytree(looped, home() / "chat")
    return Project.open("chat")


def test_influence_asks_about_a_behaviour(app, words, press, chats):
    page = app("influence", project="chat", query="behaviour:refuses", estimator="cosine")
    said = words(page)
    assert "Which rows taught the model the behaviour refuses?" in said
    assert "Taught it" in said
    assert "Worked against it" in said
    assert "Covers 100 % of" in said
    assert "not measured yet" in said
    assert chat_world.REFUSAL in said
    assert {"Behaviour: refuses", "A sample of the data"} <= set(page.selectbox(key="asks-about").options)
    before = chats.edit_count()
    press(page, "drop-top-")
    assert chats.edit_count() > before
    dropped = [row for row in chats.dataset.rows("train") if not chats.labels.active[row]]
    assert set(chat_world.planted(chats)) <= set(dropped)
    page.selectbox(key="asks-about").set_value("A sample of the data").run()
    assert not page.exception
    assert "Which rows taught" not in words(page)


def test_influence_opens_at_the_behaviour_that_was_asked(app, words, chats):
    page = app("influence", project="chat")
    said = words(page)
    assert "Which rows taught the model the behaviour refuses?" in said
    assert "by shared words alone" not in said
    assert [one.label for one in page.button if one.key == "control"] == ["Shared words (BM25): compute beside"]
    chats.score(ScoreConfig(estimator="bm25", queries="behaviour:refuses", device="cpu"))
    beside = app("influence", project="chat")
    assert "control" not in [one.key for one in beside.button]
    assert "by shared words alone" in words(beside)


def test_influence_asks_about_a_typed_answer(app, words, chats):
    query = ask(chat_world.UNSEEN[0], chat_world.REFUSAL)
    page = app("influence", project="chat", query=query)
    assert "Not computed for this yet" in words(page)
    assert chat_world.REFUSAL in words(page)
    chats.score(ScoreConfig(estimator="ip", queries=query, device="cpu"))
    assert "Taught it" in words(app("influence", project="chat", query=query, estimator="ip"))
    gone = app("influence", project="chat", query="behaviour:gone")
    assert "Which rows taught" not in words(gone)


def test_retrain_shows_rates_and_answers_before_and_after(app, words, chats):
    said = words(app("retrain", project="chat"))
    assert "What the models do on unseen prompts" in said
    assert "Shows refuses" in said
    assert "shown before, not shown after" in said
    assert chat_world.REFUSAL in said


def test_pages_of_pictures_say_nothing_of_behaviours(app, words, tiny_project):
    assert "asks-about" not in [box.key for box in app("influence", project="digits").selectbox]


def test_compare_shows_the_removal_curve(app, words, chats):
    assert "Drop, train and measure" in words(app("compare", project="chat"))
    config = RemovalConfig(behaviour="refuses", estimators=("cosine",), k=(5,), bootstrap=50, device="cpu")
    chats.removal_curve(config)
    page = app("compare", project="chat")
    assert "with all rows; without the 5 that taught it" in words(page)
    table = next(one.value for one in page.dataframe if "rows chosen by" in one.value)
    assert set(table["rows chosen by"]) == {"cosine", "random"}
