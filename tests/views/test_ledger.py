"""The ledger in words, and what can be taken back."""

import pandas as pd

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
        "Coat: taken out of training",
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
        == "Coat: taken out of the test set"
    )
    assert ledger.place_words(["test", "train", "test"]) == "training and the test set"
