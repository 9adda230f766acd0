"""Browse: the words in the address, the panel, the choice, and what is done to all that is chosen."""

import numpy as np
import pytest

from pages.parts.tiles import Choice


def test_words_in_the_address_leave_the_samples_they_mean(app, words, tiny_project):
    test = app("browse", find="label:3 right:no")
    wanted = tiny_project.find("label:3 right:no")
    assert f"**{len(wanted)}** of 420 samples" in words(test)
    assert test.text_input(key="find-words").value == "label:3 right:no"


def test_what_cannot_be_meant_is_said_and_cleared(app, words, tiny_project, press):
    test = app("browse", find="label:boot")
    assert "No sample has the label" in words(test)
    press(test, "find-clear")
    assert "**420** of 420 samples" in words(test)


def test_typed_words_become_the_address(app, words, tiny_project):
    test = app("browse")
    test.text_input(key="find-words").set_value("split:test").run()
    assert "**120** of 420 samples" in words(test)
    assert test.query_params["find"] == "split:test"


def test_all_that_match_are_tagged_as_one_batch_and_undone_as_one(app, words, tiny_project, press):
    test = app("browse", find="right:no split:train")
    wanted = tiny_project.find("right:no split:train")
    press(test, "browse-all")
    assert f"**{len(wanted)} chosen**" in words(test)
    test.text_input(key="browse-tag").set_value("to ask")
    press(test, "browse-tag-add")
    assert np.array_equal(tiny_project.find('tag:"to ask"'), wanted)
    assert len({*tiny_project.edits()["batch"]}) == 1
    press(test, "browse-undo")
    assert len(tiny_project.find('tag:"to ask"')) == 0


def test_only_training_samples_are_dropped(app, words, tiny_project, press):
    test = app("browse", find="label:3")
    press(test, "browse-all")
    held = len(tiny_project.find("label:3 -split:train"))
    assert f"{held} chosen samples held out" in words(test)
    press(test, "browse-drop")
    assert np.array_equal(tiny_project.find("verdict:drop"), tiny_project.find("label:3 split:train"))


def test_a_view_is_kept_opened_renamed_and_removed(app, words, tiny_project, press):
    test = app("browse", find="right:no", project="digits")
    test.text_input(key="view-new").set_value("wrong ones")
    test.button(key="view-save").click().run()
    assert [(view.name, view.words) for view in tiny_project.views()] == [("wrong ones", "right:no")]
    test.text_input(key="view-name-0-wrong ones").set_value("mistakes").run()
    assert [view.name for view in tiny_project.views()] == ["mistakes"]
    fresh = app("browse", project="digits")
    press(fresh, "view-open-0")
    assert f"**{len(tiny_project.find('right:no'))}** of 420" in words(fresh)
    press(fresh, "view-forget-0")
    assert tiny_project.views() == []


def test_the_order_is_in_the_address(app, tiny_project):
    test = app("browse", sort="loss", falling="true")
    assert test.selectbox(key="sort").value == "loss"
    assert test.toggle(key="falling").value


@pytest.mark.parametrize("view", ["Grid", "Table"])
def test_both_views_open_without_a_model(app, words, bare_project, view):
    test = app("browse", **{"as": view})
    assert "**420** of 420 samples" in words(test)


def test_a_choice_is_kept_from_page_to_page():
    choice = Choice()
    first = np.arange(10)
    second = np.arange(10, 20)
    choice.clicked(first, [2, 3])
    choice.clicked(second, [11])
    assert choice.rows.tolist() == [2, 3, 11]
    choice.clicked(first, [3])
    assert choice.rows.tolist() == [3, 11]
    choice.clicked(first, [3, 15])  # a late word about another page
    assert choice.rows.tolist() == [3, 11]
    before = choice.stamp
    choice.put(second)
    assert choice.stamp != before


def test_review_takes_the_filter_in_the_order_of_the_queue(app, words, tiny_project, press):
    wanted = [row for row in tiny_project.flags().order if row in set(tiny_project.find("label:3 split:train"))]
    test = app("review", find="label:3 split:train")
    assert f"{len(tiny_project.find('label:3 split:train'))} of 420 samples" in words(test)
    assert f"of {len(wanted)}" in words(test)
    assert str(tiny_project.dataset.ids[wanted[0]]) in words(test)
    press(test, "found-clear")
    assert "find" not in test.query_params
    assert "420 samples" not in words(test)


def test_a_filter_of_other_data_is_said_on_review(app, words, tiny_project):
    shown = words(app("review", find="label:boot"))
    assert "No sample has the label" in shown
    assert "Suspect 1 of" in shown


def test_what_is_like_a_sample_comes_with_the_nearest_first_whatever_the_order_was(app, words, tiny_project):
    test = app("browse", sort="loss")
    test.text_input(key="find-words").set_value("like:train-00012").run()
    assert test.selectbox(key="sort").value == "order of the data"
    assert "49** of 420 samples, the nearest first" in words(test)
