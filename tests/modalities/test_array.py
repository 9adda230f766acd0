"""Numbers of any shape and range: taken as they are, shown, compared, trained on and asked about."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from attribution import Project
from attribution.datasets.dataset import Dataset
from attribution.datasets.encode_arrays import channel_axis
from attribution.datasets.handed import Inputs
from attribution.datasets.load import import_data, preview
from attribution.errors import UserError
from attribution.modalities import describe, modality_of, thumbnail
from attribution.modalities.similarity import similarity_of
from attribution.settings.configs import DataConfig, ScoreConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.shift.study import ShiftConfig

CHANCE = np.random.default_rng(0)
Y = np.arange(40) % 2
WAVES = (CHANCE.normal(size=(40, 100, 6)) + Y[:, None, None]).astype(np.float32)
SHAPES = {
    "series": WAVES,
    "sound": CHANCE.normal(size=(40, 1, 1600)),
    "bands": CHANCE.random((40, 13, 8, 8)) * 3000,
    "normalised": CHANCE.normal(size=(40, 3, 8, 8)),
    "five": CHANCE.random((40, 2, 3, 4, 5)),
    "whole": CHANCE.integers(-5, 5, (40, 3, 4)),
}


def load(folder, x, **settings):
    folder.mkdir(exist_ok=True)
    np.savez(folder / "a.npz", X=x, y=Y)
    return import_data(DataConfig(path=str(folder / "a.npz"), **settings), folder / "data", "a")


@pytest.mark.parametrize("name", SHAPES)
def test_arrays_are_taken_as_they_are(tmp_path, name):
    dataset = load(tmp_path, SHAPES[name])
    assert dataset.info.modality == "array"
    assert dataset.info.shape == SHAPES[name].shape[1:]
    places = [int(one.removeprefix("row-")) for one in dataset.ids]
    raw = dataset.tensor(np.arange(40), inputs=Inputs("raw"))
    assert torch.equal(raw, torch.from_numpy(SHAPES[name][places].astype(np.float32)))
    assert "taken as numbers, as they are" in dataset.info.problems[0]["what"]


@pytest.mark.parametrize(("shape", "axis"), [((100, 6), 1), ((1, 1600), 0), ((13, 64, 64), 0), ((8, 8, 3), 2)])
def test_standardised_is_by_channel_of_the_training_samples(tmp_path, shape, axis):
    assert channel_axis(shape) == axis
    x = CHANCE.normal(7, 3, size=(40, *shape))
    dataset = load(tmp_path, x)
    values = dataset.tensor(dataset.rows("train")).double()
    others = [place for place in range(values.dim()) if place != axis + 1]
    assert values.mean(others).abs().max() < 1e-4
    assert (values.std(others, unbiased=False) - 1).abs().max() < 1e-4


def test_what_may_be_a_picture_stays_one_and_what_is_near_is_asked(tmp_path):
    ones = CHANCE.random((40, 8, 8, 3))
    assert preview_of(tmp_path, ones)["modality"] == "image"
    assert preview_of(tmp_path, ones, arrays="numbers")["modality"] == "array"
    for near in ((ones.transpose(0, 3, 1, 2) * 255).astype(np.uint8), (ones * 4000).astype(np.uint16), ones * 5):
        with pytest.raises(UserError, match="--arrays numbers"):
            preview_of(tmp_path, near)
        assert preview_of(tmp_path, near, arrays="numbers")["modality"] == "array"
    with pytest.raises(UserError, match="values from -"):
        preview_of(tmp_path, ones - 1, arrays="pictures")


def preview_of(folder, x, **settings):
    np.savez(folder / "p.npz", X=x, y=Y)
    return preview(DataConfig(path=str(folder / "p.npz"), **settings))


def test_a_number_that_is_not_there_is_named(tmp_path):
    broken = WAVES.copy()
    broken[4, 2, 1] = np.nan
    with pytest.raises(UserError, match=r"\[4\] of a.npz has no number at position \(2, 1\)"):
        load(tmp_path, broken)


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_a_small_picture_and_words(tmp_path, name):
    dataset = load(tmp_path, SHAPES[name])
    image = Image.open(io.BytesIO(thumbnail(dataset, 3, size=96)))
    assert max(image.size) <= 96
    assert np.asarray(image).std() > 1  # something is drawn
    assert "numbers from" in describe(dataset, 3)
    assert thumbnail(dataset, 3) != thumbnail(dataset, 4)


def test_copies_are_at_distance_zero_and_found(tmp_path):
    x = np.concatenate([CHANCE.normal(size=(39, 5, 200)), np.zeros((1, 5, 200))])
    x[39] = x[0]
    dataset = load(tmp_path, x)
    first, copy = (int(dataset.rows_of([f"row-{place:05d}"])[0]) for place in (0, 39))
    similar = similarity_of(dataset)
    found = similar.closest(np.array([copy]), np.arange(40), 3)
    assert found.left[np.argmin(found.distance)] == first
    assert found.distance.min() == 0
    assert dataset.hashes[first] == dataset.hashes[copy]
    by_hand = (dataset.tensor([0, 1]).double().diff(dim=0) ** 2).mean().sqrt()
    assert similar.compare(np.array([0]), np.array([1])).distance[0] == pytest.approx(float(by_hand), rel=1e-4)


def test_a_folder_of_arrays_is_mapped_and_read_the_same(tmp_path):
    folder = tmp_path / "arrays"
    folder.mkdir()
    for split, part in (("train", slice(0, 30)), ("test", slice(30, 40))):
        np.save(folder / f"X_{split}.npy", WAVES[part])
        np.save(folder / f"y_{split}.npy", Y[part])
    np.savez(tmp_path / "a.npz", X_train=WAVES[:30], y_train=Y[:30], X_test=WAVES[30:], y_test=Y[30:])
    one = import_data(DataConfig(path=str(folder), val_fraction=0.0), tmp_path / "one", "a")
    two = import_data(DataConfig(path=str(tmp_path / "a.npz"), val_fraction=0.0), tmp_path / "two", "a")
    assert np.array_equal(one.inputs, two.inputs)
    assert (one.hashes == two.hashes).all()
    assert (one.labels == two.labels).all()
    (folder / "y_test.npy").unlink()
    with pytest.raises(UserError, match=r"no y_test\.npy"):
        import_data(DataConfig(path=str(folder)), tmp_path / "three", "a")


class Waves(torch.utils.data.Dataset):
    classes = ("walk", "run")

    def __len__(self):
        return len(WAVES)

    def __getitem__(self, place):
        return torch.from_numpy(WAVES[place]), int(Y[place])


def test_a_torch_dataset_of_series_is_trained_on_and_asked(tmp_path):
    train = {"epochs": 3, "device": "cpu"}
    project = Project.create(tmp_path / "p", Waves(), train=train)
    assert project.info.modality == "array"
    assert project.classes == ("walk", "run")
    project.train()
    found = project.score(ScoreConfig(estimator="ip", queries="test"))
    assert np.isfinite(found.matrix()[1]).all()
    assert project.find_leaks(LeakConfig()) is not None
    project.embed(MapConfig())
    project.compare_splits(ShiftConfig(folds=3))
    assert len(project.find("label:walk")) == 20
    again = Dataset.open(project.folder / "data")
    assert np.array_equal(np.asarray(again.inputs)[again.row_of("row-00007")], WAVES[7])


def test_whole_numbers_may_be_token_ids(tmp_path):
    ids = load(tmp_path, CHANCE.integers(0, 50, (40, 4, 6)), arrays="numbers")
    assert ids.tensor([0], inputs=Inputs("tokens")).dtype == torch.int64
    assert modality_of(ids).token_problem(ids) == ""
    (tmp_path / "b").mkdir()
    assert "hold -5" in modality_of(ids).token_problem(load(tmp_path / "b", SHAPES["whole"]))
