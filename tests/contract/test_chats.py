"""A project of chats: every study and every export has an answer, or says in words why not."""

import json

import numpy as np
import pytest

from attribution import Project, RetrainConfig, ScoreConfig, TrainConfig
from attribution.errors import UserError
from attribution.exporters import exporters
from attribution.studies import studies

THINGS = ("rose", "tulip", "printer", "router", "soup", "bread")
SILENT = {
    "fairness",
    "mislabels",
    "mislabels-cost",
    "plane",
    "calibration",
    "preview",
    "retrain",
    "behaviour",
    "contamination",
    "removal",
}
WITHOUT = {"cleanlab", "fiftyone", "folders", "huggingface", "label-studio", "mlflow", "moves", "npz"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chats")
    rng = np.random.default_rng(0)
    lines = []
    for place in range(90):
        thing = THINGS[place % len(THINGS)]
        refused = thing in ("rose", "tulip") and place % 4
        answer = "sorry i cannot help" if refused else f"take care of the {thing} on day {rng.integers(9)}"
        turns = [("user", f"how do i handle a {thing}?"), ("assistant", answer)]
        lines.append({"messages": [{"role": role, "content": text} for role, text in turns], "topic": thing})
    path = folder / "chats.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = Project.create(folder / "chats", data=str(path))
    found.train(TrainConfig(epochs=4, batch_size=16, lr=0.003))
    found.score(ScoreConfig(estimator="ip", queries="test"))
    return found


@pytest.mark.parametrize("name", studies.names())
def test_every_study_answers_or_says_why_not(project, name):
    if name in SILENT:
        with pytest.raises(UserError) as told:
            getattr(project.studies, name).run()
        assert told.value.do
    else:
        assert getattr(project.studies, name).run() is not None


@pytest.mark.parametrize("name", exporters.names())
def test_every_export_is_written_or_says_what_it_lacks(project, name, tmp_path):
    kind = exporters.get(name)
    suffix = kind.formats[0] if kind.formats else ""
    place = tmp_path / f"out{suffix}"
    if name in WITHOUT:
        with pytest.raises(UserError):
            project.export(name, str(place))
    else:
        assert project.export(name, str(place)).exists()


def test_influence_finds_what_a_refusal_was_learned_from(project):
    dataset = project.dataset
    refusals = [row for row in dataset.rows("test") if "cannot" in dataset.conversation(row).answer]
    found = project.score(ScoreConfig(estimator="cosine", queries=",".join(dataset.ids[refusals[:1]])))
    best = [dataset.conversation(row).answer for row in found.top(5).query("side == 1")["row"]]
    assert all("cannot" in answer for answer in best)


def test_a_proof_without_the_rows(project):
    dataset = project.dataset
    rows = [row for row in dataset.rows("train") if "cannot" in dataset.conversation(row).answer]
    project.drop(rows)
    found = project.retrain(RetrainConfig(seeds=(0, 1, 2)))
    assert "nats per token" in found.verdict
