"""Taking the surest suggestions on Review: the number, the dozen, one batch and one undo."""

import pytest


@pytest.fixture
def review(app, tiny_project):
    """Review with the fold of the bulk step open."""

    def start(n=20):
        test = app("review", project="digits")
        test.session_state["fold-bulk"] = True
        test.session_state["bulk-n"] = n
        return test.run()

    return start


def test_the_risk_is_said_and_all_are_taken_in_one_batch_and_one_undo(review, tiny_project, words, press):
    test = review()
    found = tiny_project.surest(20)
    assert found.sentence() in words(test).replace("\\", "")
    assert not len(tiny_project.edits())
    press(test, "bulk-take-20")
    edits = tiny_project.edits()
    assert len(edits) == 20
    assert edits["batch"].nunique() == 1
    assert {row: tiny_project.labels.values[row] for row in found.rows} == dict(found.suggested)
    tiny_project.undo()
    assert (tiny_project.labels.values == tiny_project.dataset.labels).all()


def test_a_dozen_is_looked_at_first_and_each_answer_counts(review, tiny_project, words, press):
    test = review()
    press(test, "bulk-dozen")
    assert "12 of a random dozen wait" in words(test)
    press(test, "dozen-take-")
    press(test, "dozen-keep-")
    shown = words(test)
    assert "10 of a random dozen wait" in shown
    assert "Of 2 suggestions that you looked at, 1 was right." in shown
    assert tiny_project.surest(20).decided == 2
    assert tiny_project.surest(20).sentence() in shown.replace("\\", "")
    assert sorted(tiny_project.edits()["action"]) == ["keep", "relabel"]


def test_what_is_marked_unsure_is_not_taken(tiny_project):
    first = int(tiny_project.surest(1).rows[0])
    tiny_project.unsure([first])
    assert first not in tiny_project.surest().rows
