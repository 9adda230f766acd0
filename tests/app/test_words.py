"""Every word of the user's data is drawn as text: pages over projects whose names, classes, ids, groups and notes are
all markup."""

import ast
import json
import re
import shutil
from functools import partial
from pathlib import Path

import figure_checks
import numpy as np
import pytest
from nasty import WORDS, word, write_table, write_texts

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path.stem for path in (ROOT / "pages").glob("*.py") if path.stem != "__init__")
NAMES = {"texts": "*texts* $a$ $b$", "table": ":red[table] www.host.example"}
# What Streamlit draws without Markdown; the browser test reads it off the screen.
AS_THEY_ARE = {
    ("selectbox", "options"),
    ("multiselect", "options"),
    ("bidi_component", "json"),  # the canvas writes words as text: pages/parts/points.js
    ("plotly_chart", "alt"),
    ("plotly_chart", "spec"),  # escaped by attribution.figures.style.plain, see tests/figures
    ("code", "code_text"),
    ("html", "body"),
}
AS_THEY_ARE |= {
    (kind, name)
    for kind in ("text_input", "selectbox", "text_area")
    for name in ("value", "default", "raw_value", "placeholder")
}


def finished(folder, write, text):
    """A project with a result for every page, small enough to compute in seconds."""
    from attribution import DataConfig, FlagConfig, MapConfig, ModelConfig, Project, ScoreConfig, TrainConfig
    from attribution.studies.bench.study import BenchConfig
    from attribution.studies.fairness.study import RemedyConfig
    from attribution.studies.leaks.study import LeakConfig
    from attribution.studies.memorization.study import MemorizeConfig
    from attribution.studies.retrain.study import RetrainConfig

    source = folder.parent / f"{write.__name__}.jsonl"
    write(source)
    data = DataConfig(path=str(source), text=text, id="key", split="split", group="group")
    recipe = TrainConfig(epochs=5, batch_size=16, optimizer="adamw" if text else "sgd", checkpoints=2, device="cpu")
    project = Project.create(folder, data, ModelConfig(width=16), recipe)
    project.train()
    project.flag(FlagConfig(folds=3, cases=40, device="cpu"))
    project.embed(MapConfig(method="pca", device="cpu"))
    project.find_leaks(LeakConfig(device="cpu"))
    project.score(ScoreConfig(queries="test", device="cpu"))
    project.angle()
    project.compare_splits()
    project.memorize(MemorizeConfig(models=8, device="cpu"))
    project.relabel([1, 2], project.classes[1], reason=word(0))
    project.drop([3], reason=word(4))
    project.preview()
    project.retrain(RetrainConfig(seeds=(0, 1, 2), device="cpu"))
    if not text:
        project.remedy(RemedyConfig(seeds=(0, 1, 2), budgets=(5.0,), device="cpu"))
    project.compare(
        BenchConfig(count=6, subsets=6, parts=("fidelity", "usefulness", "agreement", "cost"), device="cpu")
    )
    for at, words in enumerate(WORDS):
        project.select([at, at + 1], words)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    home = tmp_path_factory.mktemp("nasty")
    finished(home / NAMES["texts"], write_texts, "body")
    finished(home / NAMES["table"], write_table, "")
    return home


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    shutil.copytree(made, tmp_path / "nasty")
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "nasty"))
    return tmp_path / "nasty"


def elements(block):
    """Everything on the page, depth first."""
    for child in getattr(block, "children", {}).values():
        yield child
        yield from elements(child)


def texts(message, name=""):
    """``(field, text)`` of every text in a protobuf message."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        for one in value if field.is_repeated else [value]:
            if field.type == field.TYPE_MESSAGE:
                yield from texts(one, field.name)
            elif field.type == field.TYPE_STRING:
                yield field.name, one


def raw(test):
    """Texts on the page that hold a word of the user's as it stands, where Streamlit would read Markdown."""
    for element in elements(test._tree):
        proto = getattr(element, "proto", None)
        for name, text in texts(proto) if proto is not None else ():
            kind = getattr(element, "type", "")
            if (kind, name) == ("dataframe", "columns"):  # headings are drawn as they are, their help is Markdown
                text = " ".join(str(one.get("help", "")) for one in json.loads(text).values())
            if (kind, name) not in AS_THEY_ARE and any(one in text for one in (*WORDS, *NAMES.values())):
                yield kind, name, text


@pytest.mark.parametrize("project", NAMES.values(), ids=list(NAMES))
@pytest.mark.parametrize("page", PAGES)
def test_no_page_hands_a_word_to_streamlit_as_markdown(app, home, project, page):
    assert list(raw(app(page, project=project))) == []


def results(project):
    """Every finished result that can draw itself."""
    from attribution.studies.angles.result import AnglesResult

    found = [project.run, *project.benches(), *project.comparisons(), *project.remedies(), *project.shifts()]
    found += [AnglesResult.open(path.parent) for path in project.folder.glob("angles/*/config.json")]
    found += [project.influence([int(project.dataset.rows("test")[0])], "ip"), *project.previews()]
    return found


@pytest.mark.parametrize("name", NAMES.values(), ids=list(NAMES))
def test_every_figure_of_every_result_is_sound_and_shows_words_as_text(made, monkeypatch, name):
    from attribution import Project
    from attribution.figures.answers import answers

    monkeypatch.setenv("DATABLAME_HOME", str(made))
    project = Project.open(name)
    documented = set(re.findall(r"`(\w+)`", (ROOT / "docs" / "figures.md").read_text()))
    table = project.predictions().loc[project.dataset.rows("test")]

    def said(figure, dark):
        return answers(project.dataset.task, table, dark=dark)[figure]

    draws = [partial(result.figure, figure) for result in results(project) for figure in result.figures]
    draws += [partial(said, figure) for figure in ("recognised", "confusion")]
    assert len(draws) > 10
    for draw in draws:
        text = figure_checks.check(draw).to_json()
        assert not any(mark in text for mark in ("<img", "</script", "<b>bold", "$a^2$"))
    assert {figure for result in results(project) for figure in result.figures} <= documented


def test_what_is_said_after_a_decision_is_text(app, home):
    test = app("review", project=NAMES["texts"])
    next(button for button in test.button if button.key.startswith("label-") and not button.disabled).click().run()
    assert any(button.key.startswith("undo-batch-") for button in test.button)
    assert list(raw(test)) == []


def test_an_error_is_text(app, home):
    test = app(project="![x](http://host.example/a.png)")
    assert "There is no project" in test.error[0].value
    assert list(raw(test)) == []


@pytest.mark.parametrize("state", ["failed", "cancelled", "interrupted"])
def test_a_job_that_ended_badly_says_so_in_text(app, home, state):
    import json
    import sqlite3

    folder = home / NAMES["table"]
    words = " ".join(WORDS)
    with sqlite3.connect(folder / "project.db") as db:
        db.execute(
            "INSERT INTO jobs (id, kind, title, config, state, message, error, created_s, heartbeat_s) VALUES "
            "(?,?,?,?,?,?,?,9e9,9e9)",
            ("job", "flag", words, "{}", state, words, json.dumps({"what": words, "why": words, "do": words})),
        )
    (folder / "jobs").mkdir(exist_ok=True)
    (folder / "jobs" / "job.log").write_text(words)
    test = app("review", project=NAMES["table"])
    assert test.error or test.warning
    assert list(raw(test)) == []


def test_the_grid_and_what_it_offers_is_text(app, home):
    test = app("review", project=NAMES["texts"], view="Grid")
    next(button for button in test.button if button.label.startswith("→")).click().run()
    assert any("Take the suggestion" in button.label for button in test.button)
    assert list(raw(test)) == []


def test_what_came_without_a_label_is_labelled_by_text(app, home):
    import json

    from attribution import DataConfig, Project

    source = home.parent / "nasty.jsonl"
    lines = [
        {"key": f"{row} {word(row)}", "label": WORDS[row % 3] if row > 2 else "", "x": row % 3 + row % 5}
        for row in range(60)
    ]
    source.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    data = DataConfig(path=str(source), id="key", unlabelled="keep")
    Project.create("bare", data)
    test = app("review", project="bare", unlabelled="true")
    assert any("No label yet" in shown.value for shown in test.markdown)
    assert list(raw(test)) == []


MARKDOWN = {
    "markdown",
    "caption",
    "button",
    "title",
    "header",
    "subheader",
    "metric",
    "toast",
    "info",
    "warning",
    "error",
    "success",
}
MARKDOWN |= {
    "expander",
    "popover",
    "tabs",
    "progress",
    "checkbox",
    "toggle",
    "radio",
    "pills",
    "segmented_control",
    "menu_button",
    "badge",
}
MARKDOWN |= {"page_link", "table", "empty", "flash", "download_button", "link_button", "status", "spinner", "image"}
USERS = {"classes", "ids", "message", "verdict", "reason", "note", "log_tail"}


def handed_over(call):
    """What a call takes as text: its first arguments and the named ones that are drawn."""
    return [
        *call.args[:4],
        *(word.value for word in call.keywords if word.arg in ("help", "text", "label", "caption", "value", "delta")),
    ]


def unescaped(node):
    """Attributes with the user's words in an expression that do not pass through ``plain``."""
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if called in ("plain", "len", "_plain"):
            return
        if called == "menu_button" and any(word.arg == "format_func" for word in node.keywords):
            return
    if isinstance(node, ast.Attribute) and node.attr in USERS:
        yield node.attr
    for child in ast.iter_child_nodes(node):
        yield from unescaped(child)


def test_no_page_names_a_word_of_the_user_without_plain():
    """The source itself: also for states that no test above reaches."""
    found = []
    for path in [ROOT / "app.py", *(ROOT / "pages").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MARKDOWN):
                continue
            if getattr(node.func.value, "id", "") not in ("st", "states"):
                continue
            escapes = node.func.attr == "menu_button" and any(word.arg == "format_func" for word in node.keywords)
            found += [
                f"{path.name}:{node.lineno} {name}"
                for part in handed_over(node)
                for name in unescaped(part)
                if not escapes
            ]
    assert not found, found


UNIT = ":red[hot]"
TASKS = ("regression", "multilabel")


def write_targets(path, task, n=120):
    """A JSONL table with nasty ids, groups and columns; numbers in a nasty unit, or sets of nasty labels."""
    chance, lines = np.random.default_rng(0), []
    for row in range(n):
        x = chance.normal(size=3)
        target = (
            float(x[0] + x[1] + 20)
            if task == "regression"
            else [one for one, on in zip(WORDS, x > 0, strict=False) if on]
        )
        split = "test" if row >= n - 36 else "val" if row >= n - 50 else "train"
        names = (word(0), word(2), "x")
        line = {"key": f"{row} {word(row)}", "label": target, "split": split, "group": word(row % 3)}
        lines.append(line | dict(zip(names, x.tolist(), strict=True)))
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    from attribution import (
        DataConfig,
        FlagConfig,
        MapConfig,
        ModelConfig,
        Project,
        RetrainConfig,
        ScoreConfig,
        TrainConfig,
    )

    home = tmp_path_factory.mktemp("nasty-targets")
    for task in TASKS:
        write_targets(home / f"{task}.jsonl", task)
        unit = UNIT if task == "regression" else ""
        options = ("standardise=false",) if unit else ()  # the loss is in squared units of the user's then
        data = DataConfig(
            path=str(home / f"{task}.jsonl"),
            id="key",
            split="split",
            group="group",
            task=task,
            unit=unit,
            task_options=options,
        )
        project = Project.create(
            home / task, data, ModelConfig(name="mlp", width=16), TrainConfig(epochs=5, checkpoints=2, device="cpu")
        )
        project.train()
        project.flag(FlagConfig(folds=3, cases=20, device="cpu"))
        project.embed(MapConfig(method="pca", device="cpu"))
        project.score(ScoreConfig(queries="test", device="cpu"))
        project.angle()
        project.compare_splits()
        first = project.flags().entry(int(project.flags().order[0]))
        project.relabel([int(first["row"])], first["suggested"].item(), reason=word(0))
        project.drop([int(project.flags().order[1])], reason=word(4))
        project.preview()
        project.retrain(RetrainConfig(bootstrap=100, device="cpu"))
        project.select([0, 1], word(2))
    return home


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("page", PAGES)
def test_no_page_hands_a_word_about_targets_to_streamlit_as_markdown(app, targets, monkeypatch, task, page):
    monkeypatch.setenv("DATABLAME_HOME", str(targets))
    test = app(page, project=task)
    assert not test.exception
    assert list(raw(test)) == []
