"""The map answers a pointer: the picture and the words of a sample, its card on a click, a line of the table on the
map."""

import re

import pytest
from playwright.sync_api import expect
from serve import ready

pytestmark = pytest.mark.browser


def point(page, dx=0.0):
    """Move onto a sample near the middle of the densest place that is written on; the words that come up."""
    canvas = page.locator("canvas.over")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    tip = page.locator(".tip")
    for share in (0.13, 0.14, 0.15, 0.16, 0.17):
        page.mouse.move(box["x"] + (share + dx) * box["width"], box["y"] + 0.46 * box["height"])
        page.wait_for_timeout(150)
        if "shown" in tip.get_attribute("class"):
            return tip
    raise AssertionError("no sample there")


def test_pointing_shows_picture_and_words_and_a_click_opens_the_card(visit, page, fashion, picture, tmp_path):
    visit("map")
    page.wait_for_timeout(1_500)
    tip = point(page)
    name = tip.locator(".id").inner_text()
    row = fashion.dataset.row_of(name)
    assert tip.locator("img").evaluate("image => image.complete && image.naturalWidth > 0")
    assert fashion.dataset.word(fashion.labels.values[row]) in tip.locator(".label").inner_text()
    assert tip.locator(".says").inner_text().startswith("model ")
    picture("map-hover", tmp_path)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_url(re.compile(f"point={name}"))
    ready(page)
    card = page.locator(".st-key-opened")
    expect(card.get_by_text(name)).to_be_visible()
    expect(card.get_by_role("button", name=re.compile("^Drop"))).to_be_visible()
    expect(card.get_by_text("More like this")).to_be_visible()
    card.get_by_role("button", name="Close").click()
    expect(card).to_have_count(0)


def test_a_line_of_the_table_is_marked_on_the_map(visit, page, fashion):
    visit("map")
    table = page.locator("[data-testid='stDataFrame']").first
    table.scroll_into_view_if_needed()
    page.wait_for_timeout(1_000)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 52)
    page.wait_for_url(re.compile(f"point={fashion.dataset.ids[0]}"))
    ready(page)
    expect(page.locator(".st-key-opened").get_by_text(fashion.dataset.ids[0])).to_be_visible()


def test_arrow_keys_and_enter_open_a_sample_without_a_mouse(visit, page):
    visit("map")
    page.wait_for_timeout(1_500)
    page.locator("canvas.over").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_have_class(re.compile("shown"))
    name = page.locator(".tip .id").inner_text()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"point={name}"))


def test_nothing_is_asked_of_another_machine(visit, page, app):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visit("map")
    page.wait_for_timeout(1_500)
    point(page)
    own = app.removeprefix("http")
    assert any("/sample/" in url for url in asked)
    outside = [url for url in asked if not re.match(f"(http|ws|blob:http){re.escape(own)}|data:", url)]
    assert outside == []
