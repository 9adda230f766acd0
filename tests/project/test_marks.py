"""Tags, notes and "unsure": in the ledger like decisions, and without a word on labels."""

import pytest

from attribution.errors import UserError


def test_marks_are_read_back_by_row_and_change_no_version(bare_project):
    before = bare_project.labels.version
    bare_project.tag([0, 2], "to ask")
    bare_project.tag([0], " dark   corner ")
    bare_project.note([2], "asked Ada")
    bare_project.unsure([0])
    marks = bare_project.marks()
    assert marks["tags"].to_dict() == {0: ("dark corner", "to ask"), 2: ("to ask",)}
    assert (marks["note"][2], bool(marks["unsure"][0]), bool(marks["unsure"][2])) == ("asked Ada", True, False)
    assert bare_project.labels.version == before
    assert set(bare_project.states()["verdict"]) == {""}
    bare_project.unsure([0], unsure=False)
    bare_project.note([2], "")
    bare_project.untag([0, 2], "to ask")
    assert bare_project.marks()["tags"].to_dict() == {0: ("dark corner",)}
    for _ in range(7):
        bare_project.undo()
    assert bare_project.marks().empty


def test_the_ledger_shows_marks_in_words(bare_project):
    bare_project.tag([1], "to ask", reason="two of us disagree")
    bare_project.note([1], "see mail")
    bare_project.undo()
    lines = bare_project.edits()
    assert lines[["action", "old", "new"]].values.tolist() == [
        ["undo", "note: see mail", ""],
        ["note", "", "note: see mail"],
        ["tag", "", "tag: to ask"],
    ]


def test_a_tag_without_a_name_is_refused_in_words(bare_project):
    with pytest.raises(UserError, match="1 to 60 signs"):
        bare_project.tag([0], "  ")
    with pytest.raises(UserError, match="at most 4,000 signs"):
        bare_project.note([0], "x" * 5000)
