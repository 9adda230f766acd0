"""One sample shown large: what can be done about it, and where its ways lead."""

import pytest

from attribution.browse.words import words as filter_words


def drawn(row):
    """A page that shows nothing but this sample."""
    import streamlit as st

    from attribution import Project
    from pages.parts import cards, context

    st.session_state["open_project"] = Project.open("digits")
    st.session_state["links"] = {"browse": None, "influence": None}
    cards.large(context.sight(), row, "here", reason="looked at", evidence={"view": "large"})


@pytest.fixture
def large(tiny_project):
    from streamlit.testing.v1 import AppTest

    def start(row):
        test = AppTest.from_function(drawn, kwargs={"row": row}, default_timeout=60).run()
        assert not test.exception, test.exception[0].stack_trace
        return test

    return start


def test_a_decision_and_its_undo_leave_the_tag(large, tiny_project, press):
    tiny_project.tag([3], "to ask")
    test = large(3)
    press(test, "drop-here-3-")
    edit = tiny_project.edits().iloc[0]
    assert (edit["action"], edit["reason"], edit["evidence"]) == ("drop", "looked at", {"view": "large"})
    tiny_project.tag([3], "dark")
    test.run()
    press(test, "undo-here-3-")
    assert bool(tiny_project.labels.active[3])
    assert tiny_project.marks()["tags"][3] == ("dark", "to ask")


def test_unsure_is_put_on_and_taken_off(large, tiny_project, press):
    test = large(4)
    press(test, "unsure-here-4-")
    assert tiny_project.marks()["unsure"].to_dict() == {4: True}
    press(test, "unsure-here-4-")
    assert tiny_project.marks().empty


def test_the_ways_lead_to_its_like_to_what_made_it_and_to_whom_it_influences(large, tiny_project, press):
    name = str(tiny_project.dataset.ids[5])
    test = large(5)
    press(test, ":material/image_search:-here")
    assert test.query_params["find"] in (filter_words("like", name), [filter_words("like", name)])
    assert test.session_state["go"] == "browse"
    press(test, ":material/swap_horiz:-here")
    assert test.query_params["reverse"] in (name, [name])
    press(test, ":material/account_tree:-here")
    assert test.query_params["query"] in (name, [name])
    held_out = large(int(tiny_project.dataset.rows("test")[0]))
    assert not [one.key for one in held_out.button if ":material/swap_horiz:" in one.key], "it trained nothing"
