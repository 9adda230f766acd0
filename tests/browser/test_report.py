"""The report opened from the disk by a real browser without a network: it shows, loads nothing, and prints."""

import pytest

from attribution.report import page as report

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_from_the_disk_with_the_network_blocked_and_prints(browser, tiny_project, tmp_path, scheme):
    path = tmp_path / "report.html"
    path.write_text(report(tiny_project), encoding="utf-8")
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": 390, "height": 800})
    page = context.new_page()
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url.partition(":")[0]))
    page.on("console", lambda message: said.append(message.text))
    page.goto(path.as_uri())
    assert set(asked) <= {"file", "data"}
    assert said == []
    assert page.get_by_role("heading", level=1).inner_text() == "digits"
    assert page.locator("img").count() > 10
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out of a phone
    printed = page.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000
    context.close()
