"""What stands where a page's question does not apply."""

import numpy as np
import pytest

from attribution import Project
from attribution.views import nearest


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """The sample of numbers, with the results that it brings."""
    return Project.sample("cells", tmp_path_factory.mktemp("home") / "cells")


def test_shares_right_by_class(tiny_project):
    said = tiny_project.predictions().loc[tiny_project.dataset.rows("test")]
    frame, axis = nearest.by_part(tiny_project.dataset.task, said)
    assert axis == "right, %"
    assert frame["estimate"].iloc[0] == pytest.approx(100 * said[said["label"] == 0]["correct"].mean())
    assert ((frame["low"] <= frame["estimate"]) & (frame["estimate"] <= frame["high"])).all()


def test_errors_by_band_of_values(cells):
    said = cells.predictions().loc[cells.dataset.rows("test")]
    frame, axis = nearest.by_part(cells.dataset.task, said)
    assert axis.startswith("mean absolute error")
    counts = frame["name"].str.extract(r"\((\d+)\)$")[0].astype(int)
    assert counts.sum() == len(said)
    assert np.average(frame["estimate"], weights=counts) == pytest.approx(said["error"].abs().mean())


def test_what_is_near_only_by_training_is_mostly_wrong(cells):
    found = nearest.known_by_training(cells.dataset.task, cells.flags(), cells.predictions(), 20)
    gap = found["held_out"] - found["trained"]
    assert (gap.diff().dropna() <= 0).all()
    row = int(found["row"].iloc[0])
    assert found["trained"].iloc[0] == pytest.approx(abs(cells.predictions()["error"][row]))
