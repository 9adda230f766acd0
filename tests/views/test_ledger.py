"""The ledger in words, and what can be taken back."""

import pandas as pd
import pytest

from attribution.storage.ledger import Edit
from attribution.storage.states import State
from attribution.views import ledger


def entry(number, action, old, new, batch="b1", **more):
    values = {
        "id": number,
        "time": pd.Timestamp("2026-01-02 03:04:05", tz="UTC"),
        "author": "ann",
        "row": number,
        "sample": f"s{number}",
    }
    return {
        **values,
        "action": action,
        "old": old,
        "new": new,
        "reason": "queue",
        "evidence": {},
        "batch": batch,
        "reverts": None,
        "reverted": False,
        **more,
    }


EDITS = pd.DataFrame(
    [
        entry(4, "undo", "Shirt", "Coat", "b3", reverts=3, reason=""),
        entry(3, "relabel", "Coat", "Shirt", "b2", reverted=True),
        entry(
            2,
            "drop",
            "Coat",
            "Coat, dropped",
            evidence={"estimator": "ip", "influence": -0.12345, "rank": 3, "empty": ""},
        ),
        entry(1, "keep", "Bag", "Bag"),
    ]
)


def test_table_is_in_words():
    table = ledger.table(EDITS)
    assert table["change"].tolist() == [
        "undo: Shirt → Coat",
        "Coat → Shirt",
        "Coat: dropped from training",
        "Bag: kept",
    ]
    assert table["state"].tolist() == ["", "taken back", "in force", "in force"]
    assert table["evidence"][2] == "estimator ip · influence −0.123 · rank 3"
    assert list(ledger.table(EDITS.head(0)).columns) == ledger.COLUMNS


def test_versions_in_words():
    frame = pd.DataFrame(
        {"version": ["a" * 16, "b" * 16], "runs": [3, 0], "base": [True, False], "current": [False, True]}
    )
    assert ledger.versions_table(frame)["what"].tolist() == ["as imported", "edited, current"]


def test_a_drop_says_what_it_is_taken_out_of():
    assert (
        ledger.change_words("drop", "Coat", "Coat, dropped", ledger.place_words(["test"]))
        == "Coat: dropped from the test set"
    )
    assert ledger.place_words(["test", "train", "test"]) == "training and the test set"


def made(action, old, new, sample="train-00012"):
    return Edit(1, 0.0, "ada", sample, action, old, new, "", {}, "b", None)


SHIRT = State("Shirt")


@pytest.mark.parametrize(
    ("action", "new", "words"),
    [
        ("relabel", State("Pullover", True, "relabel"), "train-00012: Shirt → Pullover"),
        ("drop", State("Shirt", False, "drop"), "train-00012: dropped from training"),
        ("keep", State("Shirt", True, "keep"), "train-00012: kept as Shirt"),
        ("tag", State("Shirt", tags=("to ask",)), "train-00012: tag: to ask"),
        ("unsure", State("Shirt", unsure=True), "train-00012: unsure"),
    ],
)
def test_what_a_decision_did_is_said_with_its_sample(action, new, words):
    assert ledger.said([made(action, SHIRT, new)]) == words


def test_what_a_batch_did_is_said_once():
    bag = State("Bag", True, "relabel")
    assert ledger.said([made("relabel", SHIRT, bag), made("relabel", State("Coat"), bag, "b")]) == "2 samples: → Bag"
    several = [made("relabel", SHIRT, bag), made("relabel", SHIRT, State("Coat", True, "relabel"), "b")]
    assert ledger.said(several) == "2 samples: → Bag, → Coat"
    each = [made("relabel", SHIRT, State(f"class {number}", True, "relabel"), str(number)) for number in range(9)]
    assert ledger.said(each, n=40) == "40 samples: → class 0, → class 1, → class 2 and 6 more"
    dropped = State("Shirt", False, "drop")
    assert ledger.said([made("undo", dropped, SHIRT)], ["test"]) == "train-00012: back in the test set as Shirt"
    assert ledger.said([made("undo", State("Shirt", True, "keep"), SHIRT)]) == "train-00012: undecided again"
