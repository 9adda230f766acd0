"""Browse as a user walks it: filter by a click and a brush, choose a page, tag it, keep the view, and go to the map
with it."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from serve import ready

pytestmark = pytest.mark.browser


def facet(page, name):
    return page.locator(f"details[data-column='{name}']")


def brush(page, name):
    """Draw on a histogram, from a fifth of it to beyond its end."""
    box = facet(page, name).locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 5, box["y"] + 20, steps=5)
    page.mouse.up()


def test_filter_brush_choose_tag_and_take_the_view_along(visit, page, fashion, picture, tmp_path):
    visit("browse")
    expect(page.get_by_text("9,000 of 9,000 samples")).to_be_visible()
    facet(page, "label").get_by_role("button", name="Shirt", exact=False).filter(has_text=re.compile("^Shirt")).click()
    page.wait_for_url(re.compile("find=label"))
    ready(page)

    brush(page, "loss")
    page.wait_for_url(re.compile("find=.*loss"))
    ready(page)
    words = page.get_by_label("Find").input_value()
    rows = fashion.find(words)
    assert 0 < len(rows) < len(fashion.find("label:Shirt"))
    expect(page.get_by_text(f"{len(rows):,} of 9,000 samples")).to_be_visible()
    picture("browse", tmp_path)

    tiles = page.get_by_role("option")
    tiles.nth(1).click()
    tiles.nth(4).click(modifiers=["Shift"])
    expect(page.get_by_text("4 chosen")).to_be_visible()
    tiles.nth(2).focus()
    page.keyboard.press("Space")
    expect(page.get_by_text("3 chosen")).to_be_visible()
    page.get_by_role("button", name="Select page").click()
    shown = min(len(rows), 80)
    expect(page.get_by_text(f"{shown} chosen")).to_be_visible()
    ready(page)

    page.get_by_role("button", name="Tag").first.click()
    page.get_by_role("textbox", name="Tag").fill("to ask")
    page.get_by_role("button", name="Add tag").click()
    expect(page.locator(".st-key-undo-bar")).to_be_visible()
    assert np.array_equal(fashion.find('tag:"to ask"'), rows[:shown])
    ready(page)
    page.keyboard.press("Escape")

    page.get_by_role("button", name="Views").click()
    page.get_by_placeholder("A name").fill("lost shirts")
    page.get_by_role("button", name="Save view").click()
    ready(page)
    assert [(view.name, view.words) for view in fashion.views()] == [("lost shirts", words)]
    fashion.forget_view("lost shirts")

    page.keyboard.press("Escape")
    page.locator("[data-testid='stMain']").get_by_role("link", name="Map").click()
    page.wait_for_url(re.compile("/map.*find="))
    ready(page)


def test_a_sample_opens_large_and_a_heading_sorts(visit, page, fashion):
    visit("browse", find="split:test%20right:no", **{"as": "Table"})
    page.get_by_role("button", name=re.compile("^loss")).click()
    page.wait_for_url(re.compile("sort=loss"))
    ready(page)
    first = page.locator("tr.line").first
    worst = fashion.dataset.ids[fashion.find("split:test right:no", "-loss")[0]]
    expect(first).to_contain_text(worst)
    first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(worst)


def test_words_of_the_data_are_text(visit, page, fashion):
    """What people write into tags and the filter is shown letter by letter."""
    fashion.tag([0], "<img src=x onerror=alert(1)> **b**")
    visit("browse", find="train-00000")
    expect(page.get_by_role("option").first).to_contain_text("<img src=x onerror=alert(1)> **b**")
    assert page.locator("img[src='x']").count() == 0
