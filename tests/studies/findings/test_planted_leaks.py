"""The image sample's planted leaks: what the issue of a leak court is measured by."""

import numpy as np
import pandas as pd
import pytest

from attribution import Project
from attribution.modalities.similarity import similarity_of
from attribution.project.home import SAMPLES

LAST_TRUE, MOST_FALSE = 55, 5


@pytest.fixture(scope="module")
def fashion(tmp_path_factory):
    assert "fashion" in SAMPLES
    return Project.sample("fashion", tmp_path_factory.mktemp("home") / "fashion")


def truth():
    from pathlib import Path

    table = pd.read_csv(Path(__file__).parents[3] / "sample_data" / "fashion" / "truth.csv", keep_default_na=False)
    table = table[table["leak_of"] != ""]
    return dict(zip(zip(table["id"], table["leak_of"], strict=True), table["leak"], strict=True))


def check(ordered, planted):
    """The issue's three conditions on pairs of ids, the likeliest first."""
    right = np.array([pair in planted for pair in ordered])
    first = set(ordered[:100])
    found = [planted[pair] for pair in planted if pair in first]
    assert found.count("exact") == 30
    assert sum(kind != "exact" for kind in found) >= 0.95 * 30
    assert np.flatnonzero(right)[LAST_TRUE - 1] + 1 - LAST_TRUE <= MOST_FALSE


def test_the_search_ranks_them_first(fashion):
    data = fashion.dataset
    held = np.concatenate([data.rows("val"), data.rows("test")])
    found = similarity_of(data).closest(held, data.rows("train"), 1)
    order = np.argsort(found.distance, kind="stable")
    check([(data.ids[found.left[at]], data.ids[found.right[at]]) for at in order], truth())


def test_the_sample_opens_with_them_as_cases(fashion):
    cases = fashion.leaks().cases(fashion.labels.values)
    ids = fashion.dataset.ids
    check([(ids[row], ids[other]) for row, other in zip(cases["row"], cases["other"], strict=True)], truth())
