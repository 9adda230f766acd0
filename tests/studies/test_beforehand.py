"""How many edits a proof needs, before it is made: against proofs on the bundled samples that were made."""

from dataclasses import replace

import pytest
from finished import proof

from attribution.statistics.intervals import Interval
from attribution.studies.retrain.beforehand import beforehand
from attribution.tasks.figure import ACCURACY, rmse

FASHION = {"n_train": 6000, "n_test": 2000, "error": 0.153, "reading": ACCURACY, "wrong": 498}
TEXT = {"n_train": 2100, "n_test": 600, "error": 0.31, "reading": ACCURACY, "wrong": 114}
CELLS = {"n_train": 399, "n_test": 113, "error": 1.6, "reading": rmse()}
MOONS = {"n_train": 250, "n_test": 100, "error": 0.02, "reading": ACCURACY, "wrong": 22}


@pytest.mark.parametrize(
    ("sample", "edits", "told"),
    [
        (FASHION, 408, True),
        (FASHION, 57, False),
        (TEXT, 111, False),
        (TEXT, 11, False),
        (CELLS, 40, True),
        (CELLS, 4, False),
        (MOONS, 20, False),
    ],
)
def test_finished_proofs_told_what_was_said_beforehand(sample, edits, told):
    assert (beforehand(edits, **sample).chance > 0.5) == told


def test_the_sentence_says_what_is_enough():
    few = beforehand(14, **FASHION)
    assert few.sentence() == (
        "14 edits of about 498: a change this small is seldom told from chance; about 400 would be."
    )
    assert "enough to be told from chance, about 8 times in 10" in beforehand(408, **FASHION).sentence()
    assert "if all were set right" in beforehand(20, **MOONS).sentence()
    assert "ready-made samples" in few.basis
    assert beforehand(14, seeds=10, **FASHION).wanted < few.wanted
    assert beforehand(1, **CELLS).sentence().startswith("1 edit: ")


def test_a_proof_of_the_project_takes_the_place_of_the_assumption():
    mine = proof()  # three edits gained two points
    main = replace(mine.main, difference=Interval(0.02, 0.01, 0.03))
    known = replace(mine, changes={"accuracy": main, "loss": mine.loss})
    found = beforehand(3, **FASHION, proofs=[known])
    assert found.measured
    assert found.wanted < 10
    unclear = replace(known, changes={"accuracy": replace(main, difference=Interval(0.02, -0.01, 0.05))})
    assert beforehand(3, **FASHION, proofs=[unclear]).wanted > 100  # the gain was not told: only the spread is taken


def test_nothing_is_said_without_a_test_set_or_an_error():
    assert beforehand(3, **{**FASHION, "n_test": 0}) is None
    assert beforehand(3, **{**FASHION, "error": 0.0}) is None
