"""What the Compare page shows of a bench, finished or half measured."""

import finished
import numpy as np
import pandas as pd
import pytest

from attribution.views import bench as views

WORDS = {"ip": "Gradient dot product", "ekfac": "EK-FAC", "random": "Random", "loss": "Loss"}


@pytest.fixture
def empty(tmp_path):
    return finished.no_bench(tmp_path)


@pytest.fixture
def measured(tmp_path):
    return finished.bench(tmp_path)


def test_the_table_puts_the_most_faithful_first_and_marks_what_is_missing(measured):
    table = views.overview(measured, WORDS)
    assert table["Estimator"].tolist() == ["EK-FAC ★", "Gradient dot product", "Random"]
    assert table["LDS"].tolist() == ["0.50 (0.40 to 0.60)", "0.20 (0.10 to 0.30)", "–"]
    assert table["Planted errors"].tolist() == ["–", "0.40 (0.30 to 0.50)", "–"]
    assert table["Memory"].str.replace("\N{NO-BREAK SPACE}", " ").tolist() == ["–", "30 MiB", "–"]
    assert table["Time"].str.replace("\N{NO-BREAK SPACE}", " ").tolist() == ["1 min 15 s", "2.0 s", "–"]


def test_what_was_measured_of_none_has_no_column(empty):
    table = views.overview(empty, WORDS)
    assert table.columns.tolist() == ["Estimator"]
    assert views.fidelity_frame(empty, WORDS).empty
    assert views.planted_words(empty) == ""
    assert "following retraining" in views.progress_words(empty)


def test_forests_are_in_falling_order_with_plain_names(measured):
    assert views.fidelity_frame(measured, WORDS)["name"].tolist() == ["EK-FAC", "Gradient dot product"]
    assert views.usefulness_frame(measured, WORDS)["name"].tolist() == ["Loss", "Gradient dot product"]
    assert views.usefulness_frame(measured, WORDS, 2)["estimate"].tolist() == [0.6]
    assert "average precision 0.10" in views.planted_words(measured)
    assert views.progress_words(measured) == "Not measured yet: cost"


def test_the_matrix_is_square_in_the_order_asked(measured):
    square = views.matrix(measured, "overlap")
    assert square.index.tolist() == square.columns.tolist() == ["ip", "ekfac"]
    assert square.loc["ip", "ekfac"] == 0.25


def test_ranks_are_shares_of_the_training_set():
    points = views.rank_points(np.array([3.0, 1.0, 2.0]), np.array([-1.0, 5.0, 0.0]))
    np.testing.assert_allclose(points, [[1, 0], [0, 1], [0.5, 0.5]])


def test_the_forecast_in_words():
    table = pd.DataFrame(
        {
            "subsets": [8, 16],
            "missing": [0, 8],
            "seconds_s": [0.0, 90.0],
            "half_width": [0.2, 0.1],
            "measured": [True, False],
        }
    )
    shown = views.cost_frame(table)
    assert shown["Time"].tolist()[0] == "none, they are kept"
    assert shown["LDS known to"].tolist() == ["± 0.20", "± 0.10 (usual)"]
