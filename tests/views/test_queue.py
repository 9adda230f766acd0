"""The review queue."""

import numpy as np

from attribution.views import queue


def test_suspects():
    many = np.arange(99, -1, -1)
    assert queue.suspects(many, 20.2).tolist() == list(range(99, 78, -1))
    assert len(queue.suspects(many, 0)) == 10


def test_measure_counts_only_the_queue_and_the_latest():
    rows = np.arange(30)
    verdicts = {row: "relabel" if row < 5 else "keep" for row in range(25)} | {99: "drop"}
    found = queue.measure(rows, verdicts, [99, *range(24, -1, -1)])
    assert (found.total, found.reviewed, found.wrong) == (30, 25, 5)
    assert (found.recent, found.recent_wrong) == (20, 0)
    assert "5 of 25 reviewed were wrong; lately 0 of 20" in queue.yield_sentence(found)


def test_nothing_reviewed_yet():
    found = queue.measure(np.arange(3), {}, [])
    assert queue.yield_sentence(found) == "The most suspicious come first."


def test_open_from_goes_on_and_wraps_round():
    rows = np.array([5, 6, 7, 8])
    assert queue.open_from(rows, {6}, 1) == 2
    assert queue.open_from(rows, {7, 8}, 2) == 0
    assert queue.open_from(rows, {5, 6, 7, 8}, 2) == 2


def test_open_ones_equal_the_check_row_by_row():
    rows, reviewed = np.random.default_rng(0).permutation(500)[:120], {3, 499, 1000, *range(0, 400, 7)}
    assert queue.open_ones(rows, reviewed).tolist() == [int(row) not in reviewed for row in rows]
    assert queue.open_ones(rows, set()).all()


def test_keys_stay_with_their_class():
    ten = [f"class {k}" for k in range(10)]
    assert queue.keyed_labels(ten, [])[0] == ("1", 0)
    assert queue.keyed_labels(ten, [])[9] == ("0", 9)
    digits = [str(k) for k in range(10)]
    assert queue.keyed_labels(digits, [])[4] == ("4", 4)
    many = [f"class {k}" for k in range(40)]
    assert queue.keyed_labels(many, [30, 2, *list(range(3, 30))])[:2] == [("1", 30), ("2", 2)]
    assert len(queue.keyed_labels(many, list(range(40)))) == 10


def test_likeliest_puts_suggested_and_given_first():
    assert queue.likeliest(np.array([0.1, 0.6, 0.3]), given=0, suggested=2) == [2, 0, 1]


def test_detector_table_puts_the_strongest_word_first():
    entry = {"loss": 2.0, "rank:loss": 9, "aum": 1.0, "rank:aum": 1}
    table = queue.detector_table(entry, {"loss": "Loss", "aum": "Margin"}, 100)
    assert table["detector"].tolist() == ["Margin", "Loss"]
    assert table["top"].tolist() == [0.01, 0.09]


def test_no_button_stands_out_where_the_given_label_is_likelier():
    assert queue.preferred(np.array([0.1, 0.9]), given=0, suggested=1) == 1
    assert queue.preferred(np.array([0.9, 0.1]), given=0, suggested=1) == -1
    assert queue.preferred(np.array([0.9, 0.1]), given=-1, suggested=1) == 1


def test_the_line_of_progress_speaks_of_one_and_of_none():
    assert (
        queue.progress_line(queue.measure(np.arange(10), {}, []))
        == "0 of 10 suspects reviewed. The most suspicious come first."
    )
    assert queue.progress_line(queue.measure(np.arange(10), {1: "drop"}, [1])).endswith("1 of 1 reviewed was wrong.")
