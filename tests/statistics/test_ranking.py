"""Ranking figures against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from attribution.statistics.ranking import auroc, average_precision, precision_at, with_interval


@pytest.mark.parametrize("ties", [False, True])
def test_figures_agree_with_scikit_learn(ties):
    chance = np.random.default_rng(0)
    truth = chance.random(400) < 0.2
    scores = chance.normal(size=400) + truth
    scores = np.round(scores) if ties else scores
    np.testing.assert_allclose(auroc(scores, truth), roc_auc_score(truth, scores))
    np.testing.assert_allclose(average_precision(scores, truth), average_precision_score(truth, scores))


def test_precision_at_share():
    truth = np.array([True, False, True, False, False, False, False, False, False, False])
    assert precision_at(-np.arange(10), truth, 0.2) == 0.5


def test_one_kind_missing_is_nan():
    assert np.isnan(auroc([1, 2], [True, True]))
    assert np.isnan(average_precision([1, 2], [False, False]))


def test_interval_holds_the_figure():
    chance = np.random.default_rng(0)
    truth = chance.random(300) < 0.3
    found = with_interval(auroc, chance.normal(size=300) + truth, truth, resamples=200)
    assert found.low < found.estimate < found.high
    assert "[" in str(found)
