"""The report says what the project holds, to everybody, and asks nothing of the world."""

import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise

import finished
import nasty
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from attribution import DataConfig, LeakConfig, MemorizeConfig, ModelConfig, Project, RetrainConfig, ShiftConfig
from attribution.cli import cli
from attribution.errors import UserError
from attribution.report import Section, page, register, sections
from attribution.report.html import Html, el, text
from attribution.settings.configs import TrainConfig
from attribution.studies.mislabels.study import FlagConfig

VOID = {"img", "meta", "br"}
QUICK = {"epochs": 3, "batch_size": 16, "lr": 0.05, "checkpoints": 2, "device": "cpu"}


class Read(HTMLParser):
    """An HTML file taken apart: its elements, its words, and whether every element is closed in its turn."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.words = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, *tags):
        return [attrs for tag, attrs in self.elements if tag in tags]


def check(html):
    """What holds for every report."""
    found = Read(html)
    assert found.open == []
    assert html.startswith("<!doctype html>")
    names = {tag for tag, _ in found.elements}
    assert not names & {
        "script",
        "iframe",
        "object",
        "embed",
        "link",
        "base",
        "form",
        "video",
        "audio",
        "foreignObject",
    }
    for tag, attrs in found.elements:
        assert not [name for name in attrs if name.startswith("on")], tag
        assert attrs.get("src", "data:").startswith("data:image/png;base64,") or "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
        assert not {"srcset", "xlink:href", "action", "poster"} & set(attrs)
    assert "@import" not in html
    assert "url(" not in html
    assert len(found.all("h1")) == 1
    assert all(attrs["alt"].strip() for attrs in found.all("img"))
    assert all(attrs["aria-label"].strip() for attrs in found.all("svg"))
    assert all(attrs["scope"] in ("col", "row") for attrs in found.all("th"))
    assert len(found.all("caption")) == len(found.all("table"))
    levels = [int(tag[1]) for tag, _ in found.elements if tag in ("h1", "h2", "h3")]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attrs["id"] for _, attrs in found.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    assert {attrs["href"] for attrs in found.all("a")} == {f"#{name}" for name in ids}
    return found


def headings(found):
    return [attrs["id"] for attrs in found.all("section")]


@pytest.fixture(scope="module")
def worked(built, tmp_path_factory):
    """The digits with leaks, decisions, a proof and every other kind of work but the long ones."""
    folder = tmp_path_factory.mktemp("worked") / "digits"
    shutil.copytree(built, folder)
    project = Project.open(folder)
    project.find_leaks(LeakConfig(influence=0, device="cpu"))
    project.compare_splits(ShiftConfig())
    project.memorize(MemorizeConfig(models=8, device="cpu"))
    queue = project.flags().queue(6)
    rows = queue["row"].tolist()
    project.relabel(rows[:4], dict(zip(rows, queue["suggested"], strict=True)), reason="looked")
    project.drop(rows[4:5])
    project.keep(rows[5:])
    project.tag(rows[:2], "ask Ann")
    project.note(rows[:1], "blurred <b>badly</b>")
    project.retrain(RetrainConfig(bootstrap=100, device="cpu"))
    return folder


@pytest.fixture
def whole(worked, tmp_path):
    """A copy of it in a home of its own."""
    shutil.copytree(worked, tmp_path / "home" / "digits")
    return Project.open("digits")


def test_everything_that_was_done_is_in_it_and_reads_well(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(Project, "benches", lambda self: [finished.bench(tmp_path / "bench")])
    monkeypatch.setattr(Project, "remedies", lambda self: [finished.fairness(tmp_path / "fair")])
    path = whole.report(tmp_path / "out" / "report.html")
    html = path.read_text(encoding="utf-8")
    found = check(html)
    wanted = ["short", "data", "suspects", "leaks", "shift", "memorization", "fairness"]
    assert headings(found) == [*wanted, "mistakes", "decisions", "proof", "fidelity", "reproduce"]
    words = " ".join(found.words)
    proof = whole.comparisons()[0]
    for said in (
        whole.flags().headline(),
        proof.verdict,
        whole.shifts()[0].verdict,
        whole.info.base_hash,
        whole.labels.version,
        whole.run.id,
        "looked",
        "ask Ann",
        "blurred <b>badly</b>",
        "EK-FAC",
        "Every kind of work is in this report.",
    ):
        assert said in words
    assert len(found.all("img")) > 30
    assert html == page(Project.open("digits"))  # the same state, the same bytes
    assert len(html) < 2_000_000
    whole.relabel(whole.flags().order[-1:], 3)
    assert "decisions came after it" in " ".join(Read(page(whole)).words)
    with pytest.raises(UserError, match="there already"):
        whole.report(path)
    with pytest.raises(UserError, match=r"does not end in \.html"):
        whole.report(tmp_path / "report.pdf")
    assert whole.report(path, replace=True).read_text() != html


def test_a_new_project_has_a_report_that_says_what_is_missing(bare_project):
    found = check(page(bare_project))
    assert headings(found) == ["short", "data", "reproduce"]
    words = " ".join(found.words)
    for missing in ("datablame flag", "datablame leaks", "datablame retrain", "datablame compare"):
        assert missing in words
    assert "has not been measured" in words
    assert "Not proven yet" in bare_project.summary()


def targets(kind, chance, x):
    score = x @ np.array([[1.0, -0.5, 0], [0, 1, -1], [0.5, 0, 1], [0, 1, 0.5]])
    names = np.array(["ann", "bob", "cyd"])
    return {
        "classification": lambda: names[score.argmax(1)],
        "binary": lambda: names[(score[:, 0] > 0).astype(int)],
        "multilabel": lambda: [";".join(names[line > 0]) for line in score],
        "regression": lambda: np.round(50 + 10 * np.tanh(score[:, 0]) + chance.normal(size=len(x)), 3),
    }[kind]()


@pytest.mark.parametrize("kind", ["classification", "binary", "multilabel", "regression"])
def test_every_task_has_its_report(tmp_path, kind):
    chance = np.random.default_rng(0)
    x = chance.normal(size=(120, 4))
    x[90:94] = x[:4]
    table = pd.DataFrame(x, columns=list("abcd")).assign(y=targets(kind, chance, x))
    table["part"] = ["train"] * 70 + ["val"] * 20 + ["test"] * 30
    table.to_csv(tmp_path / "table.csv", index=False)
    config = DataConfig(
        path=str(tmp_path / "table.csv"), label="y", split="part", task=kind, unit="mm" * (kind == "regression")
    )
    project = Project.create("table", config, ModelConfig(name="mlp", width=8), TrainConfig(**QUICK))
    project.train()
    project.flag(FlagConfig(folds=2, cases=5, device="cpu"))
    project.find_leaks(LeakConfig(device="cpu"))
    queue = project.flags().queue(3)
    project.relabel([int(queue["row"][0])], {int(queue["row"][0]): queue["suggested"][0]})
    project.drop([int(queue["row"][1])])
    project.retrain(RetrainConfig(bootstrap=50, device="cpu"))
    found = check(page(project))
    assert headings(found) == ["short", "data", "suspects", "leaks", "decisions", "proof", "reproduce"]
    words = " ".join(found.words)
    assert project.comparisons()[0].verdict in words
    assert (" mm" in words) == (kind == "regression")
    assert "--task" in words or kind == "classification"
    assert project.comparisons()[0].outcome.capitalize() in project.summary()


@pytest.mark.parametrize("write", [nasty.write_texts, nasty.write_table])
def test_words_of_the_user_s_are_words_and_nothing_else(tmp_path, write):
    write(tmp_path / "<img src=x>.jsonl")
    text_of = {nasty.write_texts: "body"}.get(write, "")
    config = DataConfig(
        path=str(tmp_path / "<img src=x>.jsonl"), label="label", id="key", split="split", group="group", text=text_of
    )
    project = Project.create("<script>alert(1)<script>", config, train=TrainConfig(**QUICK))
    project.train()
    project.flag(FlagConfig(folds=2, cases=5, device="cpu"))
    project.find_leaks(LeakConfig(device="cpu"))
    rows = project.flags().queue(2)["row"].tolist()
    project.relabel(rows[:1], project.classes[0], reason="<script>alert('reason')</script>\x07\u202e")
    project.drop(rows[1:], reason="</style><img src=http://host.example/x.png>")
    html = page(project)
    found = check(html)
    words = " ".join(found.words)
    assert "<script>alert('reason')</script>" in words
    assert "<script>alert(1)<script>" in words
    for word in project.classes[:3]:
        assert word in words
    assert "\x07" not in html
    html.encode("utf-8")
    markdown = project.summary()
    for live in ("<script", "<img", "](http", "http://", "\n#"):
        assert live not in markdown.split("```sh")[0]


def test_html_is_escaped_unless_it_was_made_here():
    assert text("<b>\x07\ud800") == "&lt;b&gt;\ufffd\ufffd"
    assert el("p", "a & b", Html("<i>c</i>"), title='"') == '<p title="&quot;">a &amp; b<i>c</i></p>'
    assert el("img", src="x", alt=None) == '<img src="x">'


def test_lists_are_bounded_and_say_what_they_leave_out(whole, monkeypatch):
    from attribution.report.sections import decisions, suspects

    monkeypatch.setattr(suspects, "MOST", 3)
    monkeypatch.setattr(decisions, "CHANGES", 1)
    words = " ".join(Read(page(whole)).words)
    assert "3 of " in words
    assert "suspects are shown here" in words
    assert "kinds of change are shown here" in words


def test_the_report_is_read_without_torch(whole):
    code = (
        "import sys; from attribution import Project; from attribution.report import page, summary;"
        "p = Project.open('digits'); page(p); summary(p); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_the_verb_writes_and_sums_up(whole, tmp_path):
    out = tmp_path / "report.html"
    done = CliRunner().invoke(cli, ["report", "-p", "digits", "--out", str(out)])
    assert done.exit_code == 0, done.output
    check(out.read_text())
    said = CliRunner().invoke(cli, ["report", "-p", "digits", "--summary"]).output
    assert said.startswith("### Datablame: digits")
    assert "datablame retrain -p digits --seeds 0,1,2" in said
    assert whole.info.base_hash in said
    again = CliRunner().invoke(cli, ["report", "-p", "digits", "--out", str(out)])
    assert "there already" in again.exception.what


def test_commands_name_files_without_their_folders(bare_project):
    words = " ".join(Read(page(bare_project)).words)
    assert "--path digits.npz" in words
    assert str(bare_project.folder.parent) not in words


def test_a_section_of_one_s_own_stands_where_it_says(bare_project, monkeypatch):
    sections.names()
    monkeypatch.setattr(sections, "_items", dict(sections._items))

    @register("mine")
    class Mine(Section):
        title = "Mine"
        order = 15

        def body(self, state):
            return el("p", f"<{state.project.name}>")

    found = check(page(bare_project))
    assert headings(found) == ["short", "mine", "data", "reproduce"]
    assert "<bare>" in found.words


def test_what_was_left_out_when_the_data_were_read_is_said(tmp_path):
    lines = [f"{number},{number % 2}" for number in range(60)]
    (tmp_path / "t.csv").write_text("a,y\n" + "\n".join([*lines, "5,"]) + "\n")
    project = Project.create("t", DataConfig(path=str(tmp_path / "t.csv"), label="y"))
    words = " ".join(check(page(project)).words)
    assert "Notes from loading the data" in words
    for problem in project.info.problems:
        assert problem["what"] in words
