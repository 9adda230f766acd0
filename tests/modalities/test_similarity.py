"""Distances in the samples' own space: zero for what counts as the same, and equal to their formulas."""

import numpy as np
import pandas as pd
import pytest

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.modalities.similarity import similarity_of
from attribution.modalities.similarity.image import perceptual_hash
from attribution.modalities.similarity.text import shingle_set


def dataset(folder, modality, inputs, **columns):
    n = len(inputs)
    samples = pd.DataFrame(
        {"id": [f"s{row}" for row in range(n)], "split": "train", "label": 0, "source": "", "hash": "h", **columns}
    )
    return Dataset.write(folder, DatasetInfo("tiny", modality, ("a", "b"), inputs.shape[1:], {}, ""), samples, inputs)


@pytest.fixture
def photos(tmp_path):
    chance = np.random.default_rng(0)
    pixels = np.kron(chance.integers(0, 180, (6, 5, 5, 3)), np.ones((1, 4, 4, 1))).astype(np.uint8)  # (6, 20, 20, 3)
    copies = [
        pixels[0][:, ::-1],
        np.roll(pixels[1], (1, -2), (0, 1)),
        (pixels[2] * 0.6).astype(np.uint8),
        np.clip(pixels[3] * 1.8, 0, 255),
    ]
    return dataset(tmp_path / "data", "image", np.concatenate([pixels, np.stack(copies).astype(np.uint8)]))


def test_mirrored_moved_and_darker_pictures_are_found_nearest(photos):
    own, rows = similarity_of(photos), np.arange(6, 10)
    found = own.closest(rows, np.arange(6), 1)
    assert found.left.tolist() == [0, 1, 2, 3]
    assert found.change.tolist() == ["mirrored", "moved 1 up and 2 right", "", ""]
    np.testing.assert_allclose(found.distance[:2], 0, atol=1e-3)
    assert (found.distance < 0.15).all()
    again = own.compare(found.left, found.right)
    np.testing.assert_allclose(again.distance, found.distance, atol=1e-6)


def test_the_distance_of_pictures_is_that_of_their_correlation(photos):
    own = similarity_of(photos)
    found = own.compare(np.array([0]), np.array([5]))
    grey = photos.inputs[[0, 5]].astype(float).mean(3)
    plain = np.sqrt(2 - 2 * np.corrcoef(grey[0].ravel(), grey[1].ravel())[0, 1])
    assert 0 < found.distance[0] <= plain + 1e-6


def test_flat_pictures_are_the_same_only_as_each_other(tmp_path):
    flat = np.full((3, 12, 12, 1), 80, np.uint8)
    flat[2, 3:9, 3:9] = 160
    own = similarity_of(dataset(tmp_path / "data", "image", flat))
    assert own.compare(np.array([0, 0]), np.array([1, 2])).distance.tolist() == pytest.approx([0, np.sqrt(2)], abs=1e-6)


def test_the_perceptual_hash_of_a_picture_ignores_brightness():
    picture = np.random.default_rng(1).uniform(20, 120, (1, 16, 16))
    assert (perceptual_hash(picture) == perceptual_hash(picture * 1.5)).all()
    assert (perceptual_hash(picture) != perceptual_hash(picture[:, ::-1])).sum() > 10


def test_texts_by_words_and_by_shingles(tmp_path):
    texts = ["the cat sat on the mat", "The  cat sat on the mat", "mat the on sat cat the", "a dog ran away from home"]
    data = dataset(tmp_path / "data", "text", np.ones((4, 3), np.int32), text=texts)
    own = similarity_of(data)
    found = own.closest(np.array([0]), np.array([0, 1, 2, 3]), 2)
    assert sorted(found.left.tolist()) == [1, 2]
    assert found.distance.tolist() == [0, 0]
    measured = own.measured(np.array([0, 0, 0]), np.array([1, 2, 3]))
    np.testing.assert_allclose(measured["cosine"], [1, 1, 0], atol=1e-6)
    np.testing.assert_allclose(measured["jaccard"], [1, 0, 0])
    assert shingle_set(["one"]) == {("one",)}


def test_rows_of_a_table_by_their_columns(tmp_path):
    numbers, words = np.array([1.0, 1.0, 3.0, 5.0]), ["x", "x", "x", "y"]
    inputs = np.stack([numbers, np.array(words) == "y"], axis=1).astype(np.float32)
    data = dataset(tmp_path / "data", "tabular", inputs, **{"col:n": numbers, "col:w": words})
    own = similarity_of(data)
    scale = numbers.std()
    found = own.compare(np.array([0, 0, 0]), np.array([1, 2, 3]))
    np.testing.assert_allclose(
        found.distance, [0, np.sqrt((2 / scale) ** 2 / 2), np.sqrt(((4 / scale) ** 2 + 1) / 2)], rtol=1e-6
    )
    np.testing.assert_allclose(own.measured(np.array([0, 0]), np.array([1, 2]))["equal"], [1, 0.5])
    nearest = own.closest(np.array([3]), np.arange(4), 1)
    assert nearest.left[np.argmin(nearest.distance)] == 2


def test_every_similarity_is_documented():
    from pathlib import Path

    from attribution.modalities import modalities
    from attribution.modalities.similarity import similarities

    methods = (Path(__file__).parents[2] / "docs" / "methods.md").read_text()
    assert similarities.names() == modalities.names()
    for name in similarities.names():
        item = similarities.get(name)
        assert f"**`{name}`**" in methods
        for field in ("title", "summary", "formula", "cost", "source"):
            assert getattr(item, field), f"{name} has no {field}"


def test_all_likenesses_to_one_picture_are_the_correlations_as_it_lies_or_mirrored(photos):
    likeness = similarity_of(photos).toward(0)
    flat = photos.inputs.reshape(len(photos), -1).astype(float)
    mirrored = photos.inputs[:, :, ::-1].reshape(len(photos), -1).astype(float)
    wanted = [max(np.corrcoef(flat[0], flat[5])[0, 1], np.corrcoef(mirrored[0], flat[5])[0, 1])]
    assert likeness[[0, 6]].tolist() == pytest.approx([1, 1], abs=1e-5)
    assert likeness[5] == pytest.approx(wanted[0], abs=1e-5)


def test_all_likenesses_to_one_text_are_cosines_of_its_weighted_words(tmp_path):
    tokens = np.array([[2, 2, 3, 0], [2, 3, 2, 0], [3, 4, 1, 0], [5, 5, 5, 5], [0, 0, 0, 0]], np.int32)
    own = similarity_of(dataset(tmp_path / "data", "text", tokens, text="x"))
    rarity = own._rarity
    counts = np.stack([np.bincount(row, minlength=6) for row in tokens]) * rarity
    lengths = np.maximum(np.linalg.norm(counts, axis=1), 1e-9)
    assert own.toward(0) == pytest.approx(counts @ counts[0] / lengths / lengths[0], abs=1e-5)
    assert own.toward(0)[1] == pytest.approx(1)


def test_all_likenesses_to_one_row_of_a_table_fall_with_the_distance(tmp_path):
    own = similarity_of(dataset(tmp_path / "data", "tabular", np.array([[0.0, 0], [0, 0], [1, 0], [9, 9]], np.float32)))
    likeness = own.toward(0)
    assert likeness[:2].tolist() == [1, 1]
    assert likeness[1] > likeness[2] > likeness[3] > 0


def test_all_likenesses_to_one_conversation_are_those_of_its_words(tmp_path):
    tokens = np.array([[2, 2, 3, 0], [2, 3, 2, 0], [5, 5, 5, 5]], np.int32)
    places = np.where(tokens > 0, 1, -1)
    chats = similarity_of(dataset(tmp_path / "chats", "chat", np.stack([tokens, places], axis=1), text="x"))
    texts = similarity_of(dataset(tmp_path / "texts", "text", tokens, text="x"))
    assert chats.toward(0).tolist() == texts.toward(0).tolist()
