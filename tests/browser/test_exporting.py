"""In a real browser: the corrected data leave as a download, and as files in the project's folder."""

import csv
import os

import pytest
from exported import numbers_project
from playwright.sync_api import expect
from serve import ready, server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A table with decisions, and a server over its home."""
    folder = tmp_path_factory.mktemp("served")
    project, table = numbers_project(folder)
    with server({**os.environ, "DATABLAME_HOME": str(folder / "home")}) as address:
        yield address, project, table


def test_the_corrected_table_is_downloaded(served, page, tmp_path):
    address, project, table = served
    page.goto(f"{address}/history?project={project.name}")
    ready(page)
    page.get_by_role("button", name="Results out").click()
    panel = page.get_by_role("dialog")
    expect(panel.get_by_text("Corrected table")).to_be_visible()
    with page.expect_download() as waiting:
        panel.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == "prices-corrected.csv"
    waiting.value.save_as(tmp_path / "got.csv")
    with open(tmp_path / "got.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(table) - 1
    assert "7.25" in [row["price"] for row in rows]
    assert list(rows[0])[:3] == ["a", "b", "price"]
    expect(panel).to_be_visible()


def test_an_archive_of_tasks_is_written_beside_the_project(served, page):
    address, project, _ = served
    page.goto(f"{address}/history?project={project.name}")
    ready(page)
    page.get_by_role("button", name="Results out").click()
    panel = page.get_by_role("dialog")
    panel.get_by_text("For other programs").click()
    panel.get_by_text("Label Studio", exact=True).click()
    panel.get_by_role("button", name="Write to disk").click()
    expect(panel.get_by_text("Written.")).to_be_visible()
    (path,) = (project.folder / "exports").glob("label-studio-*.zip")
    expect(panel.get_by_text(str(path))).to_be_visible()
