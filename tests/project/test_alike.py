"""More like this: nearest by what the model sees, and by the content of each kind of data."""

import numpy as np
import pytest

from attribution.errors import UserError
from attribution.modalities.similarity import similarity_of
from attribution.neighbors.one import cosines


def test_the_nearest_by_the_model_are_those_of_all_cosines(tiny_project):
    seen = np.asarray(tiny_project.run.representation(), dtype=np.float64)
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    wanted = unit @ unit[3]
    found = tiny_project.alike(3, k=5)
    assert found.attrs["by"] == "what the model sees"
    assert 3 not in found["row"].to_numpy()
    assert found["similarity"].to_numpy() == pytest.approx(np.sort(np.delete(wanted, 3))[::-1][:5], abs=1e-5)
    test = tiny_project.alike(3, k=4, split="test")["row"]
    assert set(tiny_project.dataset.samples["split"].iloc[test]) == {"test"}
    everything = tiny_project.alike(3, k=None)
    assert len(everything) == len(tiny_project.dataset) - 1


def test_without_a_model_the_content_answers_and_says_so(bare_project):
    found = bare_project.alike(0, k=3)
    assert found.attrs["by"] == similarity_of(bare_project.dataset).title
    assert np.all(np.diff(found["similarity"]) <= 0)


def test_a_row_or_a_likeness_that_is_not_there_is_said(bare_project):
    with pytest.raises(UserError, match="no row -1"):
        bare_project.alike(-1)
    with pytest.raises(UserError, match="Choose model or content"):
        bare_project.alike(0, by="name")


def test_blocks_and_rows_of_zeros_change_nothing(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    rows[7] = 0
    whole = cosines(rows, rows[2:3])
    monkeypatch.setattr("attribution.neighbors.one.BLOCK_VALUES", 12)
    assert cosines(rows, rows[2:3]) == pytest.approx(whole, abs=1e-6)
    assert (whole[7, 0], whole[2, 0]) == (0, pytest.approx(1))
