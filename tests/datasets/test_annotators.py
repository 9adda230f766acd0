"""Several annotators: their consensus is the label, what each said is kept, and how far each agrees is told."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from attribution import Project
from attribution.cli import cli
from attribution.datasets.annotators import consensus
from attribution.datasets.said_by import said_of
from attribution.errors import UserError

CHANCE = np.random.default_rng(0)
N = 60
TRUE = np.array(["cat", "dog"])[np.arange(N) % 2]


def said(share, seed):
    """What someone says who is right on a share of the samples, and looked at most of them."""
    chance = np.random.default_rng(seed)
    words = np.where(chance.random(N) < share, TRUE, np.where(TRUE == "cat", "dog", "cat")).astype(object)
    words[chance.random(N) < 0.1] = None
    return words


WIDE = pd.DataFrame({"x": CHANCE.normal(size=N), "y": CHANCE.normal(size=N), "id": [f"s{n}" for n in range(N)]}).assign(
    anna=said(0.95, 1), ben=said(0.95, 2), cleo=said(0.6, 3)
)
LONG = WIDE.melt(["id", "x", "y"], ["anna", "ben", "cleo"], "who", "label").dropna().sort_values(["id", "who"])


def made(folder, frame, **settings):
    return Project.create(folder, frame, train={"epochs": 1, "device": "cpu"}, id="id", **settings)


def test_the_consensus_is_the_label_and_each_word_is_kept(tmp_path):
    project = made(tmp_path / "p", WIDE, annotators=("anna", "ben", "cleo"))
    labels = pd.Series(np.array(project.classes)[project.dataset.labels], index=project.dataset.ids)
    right = labels == pd.Series(TRUE, index=WIDE["id"])[labels.index]
    assert right.mean() > 0.9
    assert {name for name in project.samples if name.startswith("col:")} == {"col:x", "col:y"}
    row = project.dataset.row_of("s7")
    votes = WIDE.loc[7, ["anna", "ben", "cleo"]].dropna()
    assert project.dataset.own("annotators_agree")[row] == pytest.approx((votes == labels["s7"]).mean())
    assert said_of(project.dataset, row).startswith(f"{votes.mode()[0]} {votes.value_counts().max()}")
    assert any("3 annotators" in one["what"] for one in project.info.problems)
    assert len(project.find("annotators_agree:<1")) == (project.dataset.own("annotators_agree") < 1).sum()


def test_a_line_for_each_label_gives_the_same(tmp_path):
    wide = made(tmp_path / "wide", WIDE, annotators=("anna", "ben", "cleo"), seed=1)
    long = made(tmp_path / "long", LONG, annotators=("who",), seed=1)
    one = pd.Series(wide.dataset.labels, index=wide.dataset.ids)
    two = pd.Series(long.dataset.labels, index=long.dataset.ids)
    assert two.sort_index().equals(one[two.index].sort_index())
    first, second = (project.annotators().set_index("annotator") for project in (wide, long))
    assert first["labels"].to_dict() == second["labels"].to_dict()


def test_who_agrees_least_comes_first_and_decisions_count(tmp_path):
    project = made(tmp_path / "p", WIDE, annotators=("anna", "ben", "cleo"))
    table = project.annotators()
    assert table["annotator"][0] == "cleo"
    assert table["agree"][0] < 0.8 < table["agree"][2]
    cleo = WIDE["cleo"].notna().sum()
    assert table["labels"][0] == cleo
    row = next(
        row
        for row in project.dataset.rows("train")
        if WIDE["cleo"][int(project.dataset.ids[row][1:])] not in (None, project.classes[project.dataset.labels[row]])
    )
    project.relabel([row], WIDE["cleo"][int(project.dataset.ids[row][1:])])
    assert project.annotators()["agree"][0] == pytest.approx(table["agree"][0] + 1 / cleo)
    shown = CliRunner().invoke(cli, ["annotators", "--project", str(project.folder)])
    assert shown.output.startswith("cleo: ")
    assert "that others labelled too" in shown.output


def test_ties_go_to_those_who_agree_more_with_the_others():
    words = np.array(
        [["a", "a", "a"], ["b", "b", "a"], ["a", "a", "b"], ["b", "b", ""], ["a", "", "b"], ["", "", ""]], dtype=object
    )
    labels, tied = consensus(words)
    assert (labels.tolist(), tied) == (["a", "b", "a", "b", "a", ""], 1)


def test_a_label_column_stays_the_label(tmp_path):
    project = made(tmp_path / "p", WIDE.assign(label=TRUE), annotators=("anna", "ben", "cleo"))
    names = np.array(project.classes)[project.dataset.labels]
    assert (names == TRUE[[int(name[1:]) for name in project.dataset.ids]]).all()


@pytest.mark.parametrize(
    ("frame", "settings", "match"),
    [
        (WIDE, {"annotators": ("anna", "dora")}, "no column 'dora'"),
        (WIDE, {"annotators": ("anna", "ben"), "label": "ben"}, "both the label and an annotator's"),
        (LONG.drop(columns="label"), {"annotators": ("who",)}, "no column 'label'"),
        (pd.concat([LONG, LONG.iloc[:1].assign(label="emu")]), {"annotators": ("who",)}, "is a second label"),
        (WIDE, {"annotators": ("anna", "ben"), "task": "regression"}, "labels are no classes"),
    ],
)
def test_mistakes_are_named(tmp_path, frame, settings, match):
    with pytest.raises(UserError, match=match):
        made(tmp_path / "p", frame, **settings)


def test_data_without_annotators_say_so(tmp_path):
    project = made(tmp_path / "p", WIDE.drop(columns=["anna", "ben", "cleo"]).assign(label=TRUE))
    with pytest.raises(UserError, match="no annotators"):
        project.annotators()
