"""Every registered detector keeps these promises; a new one is tested by being there."""

import numpy as np
import pytest
from tiny_world import CLASSES, N_TRAIN, World, reordered

from attribution.detectors import detectors
from attribution.detectors.base import Evidence
from attribution.statistics.ranking import auroc

NAMES = [name for name in detectors.names() if detectors.get(name).serves("class")]


def held_out(world: World) -> np.ndarray:
    """Out-of-fold probabilities as a model that knows the clouds would give them: by distance to the class means."""
    x, y = np.asarray(world.dataset.inputs[:N_TRAIN]), world.labels.values[:N_TRAIN]
    centres = np.stack([np.median(x[y == label], axis=0) for label in range(CLASSES)])
    scores = -((x[:, None] - centres) ** 2).sum(-1) / 2
    odds = np.exp(scores - scores.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True)


def values(world: World, name: str) -> np.ndarray:
    return detectors.get(name)().values(Evidence(world.trained(batch_size=16), lambda: held_out(world), neighbors=7))


@pytest.mark.parametrize("name", NAMES)
def test_one_finite_value_per_row(world, name):
    found = values(world, name)
    assert found.shape == (N_TRAIN,)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", NAMES)
def test_wrong_labels_are_more_suspicious(world, name):
    truth = np.isin(np.arange(N_TRAIN), world.flipped)
    assert auroc(values(world, name), truth) > (0.6 if detectors.get(name).weak else 0.9)


@pytest.mark.parametrize("name", [name for name in NAMES if not detectors.get(name).trains])
def test_row_order_does_not_matter(world, name, tmp_path):
    other, order = reordered(world, tmp_path)
    np.testing.assert_allclose(values(other, name), values(world, name)[order[:N_TRAIN]], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_reasons_are_sentences(world, name):
    found = values(world, name)
    for value in (found.min(), np.median(found), found.max(), 0.0):
        sentence = detectors.get(name)().reason(float(value), 99.1)
        assert sentence[0].isupper()
        assert sentence.endswith(".")
        assert "nan" not in sentence


@pytest.mark.parametrize("name", NAMES)
def test_words(name):
    detector = detectors.get(name)
    for word in (detector.title, detector.summary, detector.formula, detector.cost, detector.source):
        assert word.strip()
