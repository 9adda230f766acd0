"""Faulty rows as cards: seldom kinds first, repeats once, and how many rows are for training."""

import numpy as np
import pandas as pd

from attribution.views import hygiene

TABLE = pd.DataFrame(
    [
        ("repeat", 4, 1, 3, "train"),
        ("repeat", 7, 1, 3, "train"),
        ("repeat", 9, 1, 3, "test"),
        ("near", 5, 3, 3, "train"),
        ("near", 6, 3, 3, "train"),
        ("repeat", 8, 2, 0, "train"),
        ("personal", 7, -1, -1, "train"),
    ],
    columns=["kind", "row", "group", "other", "split"],
).assign(severity="medium")


class Found:
    findings = TABLE

    def of(self, kind, active):
        return TABLE[active[TABLE["row"].to_numpy()]]


def test_exact_repeats_are_one_card_a_group_behind_the_seldom_kinds():
    cards = hygiene.gathered(TABLE)
    assert cards["kind"].tolist() == ["personal", "near", "near", "repeat", "repeat"]
    assert cards["rows"].tolist() == [(7,), (5,), (6,), (4, 7, 9), (8,)]
    assert hygiene.gathered(TABLE.iloc[:0]).empty


def test_a_card_of_repeats_counts_all_of_them_and_those_held_out():
    active = np.ones(10, dtype=bool)
    words = hygiene.repeated((4, 7, 9), 3, active, train=9)
    assert words == "4 rows are the same, character for character; 1 of them held out, which flatters the score."
    active[3] = False
    assert hygiene.repeated((4, 7), 3, active, train=9) == "2 rows are the same, character for character."


def test_the_headline_says_how_many_rows_are_for_training():
    words = hygiene.headline(Found(), np.ones(10, dtype=bool))
    assert words == "7 findings on 6 rows (5 of them training rows)."


def test_suggested_rows_say_how_many_are_held_out():
    rows = np.array([1, 2, 7])
    assert hygiene.suggested(rows, 5) == "3 rows (2 of training, 1 held out)"
    assert hygiene.suggested(rows[:2], 5) == "2 rows"
