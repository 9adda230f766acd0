"""What the Leaks page shows: counts, differences, and what keep-one would drop."""

import numpy as np
import pandas as pd
import pytest

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.statistics.intervals import without
from attribution.studies.leaks.result import GRID, Finding
from attribution.tasks.figure import ACCURACY
from attribution.views import leaks, numbers


def cases(*lines):
    columns = ["case", "kind", "ratio", "row", "other", "rows", "others", "n", "conflict"]
    return pd.DataFrame(lines, columns=columns)


TWO = cases((0, "exact", 0.0, 1, 9, (1, 2), (9,), 3, False), (1, "near", 0.2, 3, 8, (3,), (8,), 2, True))


def test_the_headline_counts():
    assert leaks.headline(TWO, ["leak", ""]) == "2 likely leaks: 1 exact, 1 close. 1 decided."
    assert leaks.headline(TWO.iloc[:0], []) == "0 likely leaks. 0 decided."


def test_without_held_out_samples_it_is_said_that_nothing_can_leak():
    assert leaks.nothing_held_out({"train": 5, "val": 0, "test": 1}) == ""
    assert leaks.nothing_held_out({"train": 5, "val": 0, "test": 0}).startswith("No sample is held out")


def test_rows_of_wanted_cases():
    assert leaks.leaked_rows(TWO, [True, False]).tolist() == [9]
    assert leaks.leaked_rows(TWO, [True, True]).tolist() == [8, 9]


def test_the_count_at_a_threshold_is_that_of_its_place_in_the_grid():
    counts = np.arange(len(GRID))
    assert [leaks.count_at(counts, float(GRID[place])) for place in (0, 7, len(GRID) - 1)] == [0, 7, len(GRID) - 1]


@pytest.mark.parametrize(("certain", "threshold", "told"), [(None, 0.6, False), (0.594, 0.3, False), (0.09, 0.3, True)])
def test_a_search_in_cells_says_beyond_which_threshold_pairs_can_be_missing(certain, threshold, told):
    text = leaks.not_compared(certain, 0.375, threshold)
    assert bool(text) == told
    assert not told or ("0.09" in text and "37.5 %" in text)


def test_keep_one_drops_all_but_the_first_active_and_leaves_conflicts_alone():
    active, labels = np.ones(10, bool), np.zeros(10, int)
    labels[8] = 1
    assert leaks.keep_one(TWO, active, labels) == [2, 9]
    active[1] = False
    assert leaks.keep_one(TWO, active, labels) == [9]
    active[2] = False
    assert leaks.still_double(TWO, active)["case"].tolist() == [1]


def test_numbers_of_copies_conflict_beyond_what_neighbours_differ_by():
    active, values = np.ones(10, bool), np.zeros(10)
    values[8] = 0.4
    assert leaks.keep_one(TWO, active, values) == [2, 9]
    assert leaks.keep_one(TWO, active, values, alike=0.5) == [2, 9, 8]


def test_marked_texts_escape_and_mark_what_differs():
    left, right = leaks.marked_texts("a <b> cat sat", "a <b> dog sat")
    assert left == "a &lt;b&gt;<mark> cat</mark> sat"
    assert right == "a &lt;b&gt;<mark> dog</mark> sat"
    assert leaks.marked_texts("Same text", "same text") == ("Same text", "same text")


def test_columns_that_differ_come_first():
    table = leaks.column_table({"age": "3", "city": "x"}, {"age": "3", "city": "y"}, ("Training", "Test"))
    assert table["column"].tolist() == ["city", "age"]
    assert table["same"].tolist() == ["differs", "yes"]


def test_the_difference_of_a_moved_picture_is_black(tmp_path):
    picture = np.random.default_rng(0).integers(0, 255, (12, 12)).astype(np.uint8)
    moved = np.zeros_like(picture)
    moved[:-2, 1:] = picture[2:, :-1]  # two up and one right
    inputs = np.stack([moved, picture, picture[:, ::-1]])[..., None]
    samples = pd.DataFrame({"id": list("abc"), "split": "train", "label": 0, "source": "", "hash": list("abc")})
    data = Dataset.write(tmp_path, DatasetInfo("tiny", "image", ("a",), (1, 12, 12), {}, ""), samples, inputs)
    assert leaks.difference_picture(data, 0, 1, "moved 2 up and 1 right").max() == 0
    assert leaks.difference_picture(data, 2, 1, "mirrored").max() == 0
    assert leaks.difference_picture(data, 0, 1, "").max() > 0


def test_evidence_says_what_it_is_held_against():
    table = leaks.evidence_table(
        [Finding("cosine", 0.97, 0.95, True, "copy"), Finding("distance", 0.5, 0.3, False, "no")]
    )
    assert table["threshold"].tolist() == ["at least 0.950", "at most 0.300"]
    assert table["says"].tolist() == ["same thing", "not alone"]


def test_the_score_without_leaks_equals_the_means_and_its_interval_is_paired():
    values = np.array([1.0, 1, 1, 0, 1, 0, 0, 1, 1, 0] * 20)
    left_out = np.zeros(200, bool)
    left_out[:30] = True
    found = without(values, left_out)
    assert found.all.estimate == pytest.approx(values.mean())
    assert found.rest.estimate == pytest.approx(values[30:].mean())
    assert found.difference.estimate == pytest.approx(values[30:].mean() - values.mean())
    assert found.difference.low < found.difference.estimate < found.difference.high
    assert found.difference.high - found.difference.low < found.all.high - found.all.low
    figures = leaks.score_figures(found, True, ACCURACY)
    assert [one["label"] for one in figures] == ["Test accuracy", "Without confirmed leaks", "Difference"]
    ranges = [numbers.share_range(int(part.sum()), len(part)) for part in (values, values[30:])]
    assert [one["delta"] for one in figures[:2]] == ranges, "the same interval for the same score as on Overview"


def test_leaving_everything_out_leaves_nothing_to_say():
    found = without(np.ones(5), np.ones(5, bool))
    assert np.isnan(found.difference.estimate)
    assert found.n_rest == 0


def test_held_out_samples_are_named_by_their_split():
    splits = pd.Series(["train", "val", "test", "test"])
    assert leaks.held_out(splits, [1]) == "validation"
    assert leaks.held_out(splits, [2, 3]) == "test"
    assert leaks.held_out(splits, [3, 1]) == "validation and test"


def test_what_leaks_do_to_the_score_is_said_with_both_figures():
    found = without(np.array([1.0] * 6 + [0.0] * 4), np.array([True] * 5 + [False] * 5))
    words = leaks.gap_sentence(found, ACCURACY).replace("\N{NO-BREAK SPACE}", " ")
    assert (
        words == "5 test samples are repeated in training and lift the test score: 60.0 % would be 20.0 % without them."
    )
    assert leaks.matters(found, ACCURACY)
    assert not leaks.matters(without(np.array([1.0] * 900 + [0.0] * 99), np.arange(999) < 3), ACCURACY), (
        "half a point is not"
    )
    assert not leaks.matters(None, ACCURACY)
