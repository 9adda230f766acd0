"""Overview's figures lead to what they count."""

import pytest


def go(test, key):
    """Press a button and return the page that opened, with its filter."""
    test.button(key=key).click().run()
    assert not test.exception, test.exception[0].stack_trace
    return test.title[0].value, test.session_state["shared"].get("find", "")


def mistakes(project):
    said = project.predictions().loc[project.dataset.rows("test")]
    return said[~said["correct"].astype(bool)]


def test_the_tile_of_wrong_predictions_leads_to_them(app, tiny_project):
    title, find = go(app(project="digits"), "tile-1")
    assert title == "Browse"
    assert list(tiny_project.find(find)) == list(mistakes(tiny_project).index)


def test_the_tile_of_suspects_leads_to_review(app, tiny_project):
    assert go(app(project="digits"), "tile-2")[0] == "Review"


def test_a_cell_of_the_confusions_shows_its_samples_and_leads_to_them(app, words, tiny_project):
    pair = mistakes(tiny_project).groupby(["label", "prediction"]).size().idxmax()
    given, said = (tiny_project.classes[int(place)] for place in pair)
    test = app(project="digits")
    place = [int(each) for each in pair]
    test.session_state["confusion"] = {"selection": {"rows": [], "columns": [], "cells": [[place[0], said]]}}
    test.run()
    assert f"{given} taken for {said}: " in words(test).replace("\\", "")
    assert test.button(key="cell-influence")
    assert test.button(key="cell-review")
    title, find = go(test, "cell-browse")
    assert title == "Browse"
    table = mistakes(tiny_project)
    wanted = table[(table["label"] == pair[0]) & (table["prediction"] == pair[1])]
    assert list(tiny_project.find(find)) == list(wanted.index)


def test_a_class_leads_to_its_mistakes_and_suspects(app, tiny_project):
    test = app(project="digits")
    test.session_state["by-target"] = {"selection": {"rows": [3], "columns": [], "cells": []}}
    test.run()
    assert test.button(key="to-suspects")
    find = go(test, "to-mistakes")[1]
    table = mistakes(tiny_project)
    assert list(tiny_project.find(find)) == list(table.index[table["label"] == 3])


def test_slices_stand_behind_a_fold_and_lead_to_their_samples(app, words, tiny_project):
    test = app(project="digits")
    test.session_state["fold-slices"] = True
    test.session_state["slices"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    test.run()
    assert "that were looked at" in words(test)
    worst = tiny_project.slices().iloc[0]
    find = go(test, "slice-browse")[1]
    assert len(tiny_project.find(find)) == worst["n"]


@pytest.mark.parametrize("page", ["overview", "retrain"])
def test_what_a_proof_needs_is_said_once_there_are_edits(app, words, tiny_project, page):
    assert "edit:" not in words(app(page, project="digits"))
    found = tiny_project.surest(1)
    tiny_project.relabel(found.rows, found.suggested)
    assert tiny_project.beforehand().sentence() in words(app(page, project="digits")).replace("\\", "")
