"""The sample with a number to predict, in the browser: find the worst suspect, type another value, retrain, see the
proof with its interval."""

import re

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect
from serve import ROOT, ready

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def cells(projects):
    """The sample, trained and searched."""
    from attribution import FlagConfig, Project

    project = Project.sample("cells", projects / "cells-sample")
    project.train()
    project.flag(FlagConfig(folds=3, cases=10, device="cpu"))
    return project


def test_from_the_worst_suspect_to_the_proof(cells, visit, page, picture, tmp_path):
    worst = int(cells.flags().order[0])
    given = float(cells.dataset.labels[worst])
    visit("overview", project="cells-sample")
    expect(page.get_by_text("Test RMSE", exact=True).first).to_be_visible()
    picture("cells-overview", tmp_path)
    page.get_by_role("button", name="Review values").click()
    ready(page)
    expect(page.get_by_text(re.compile(rf"Given as {given:g}.*Could it be"))).to_be_visible()
    expect(page.get_by_text(re.compile("nine of ten right values lie between"))).to_be_visible()
    picture("cells-review", tmp_path)

    page.keyboard.press("v")
    field = page.locator(f".st-key-value-review-{worst} input")
    expect(field).to_be_focused()
    page.keyboard.type("21.5")
    page.keyboard.press("Enter")
    expect(page.locator(".st-key-undo-bar", has_text="→ 21.5")).to_be_visible()
    assert cells.sample_state(worst).label == 21.5
    assert cells.edits().iloc[0]["reason"] == "review queue"
    ready(page)
    expect(page.get_by_text(re.compile(rf"Given as {given:g}"))).to_be_hidden()  # the next one is shown

    second = int(cells.flags().order[1])
    suggested = float(cells.flags().entry(second)["suggested"])
    expect(page.get_by_text(re.compile(f"Given as {cells.dataset.labels[second]:g}"))).to_be_visible()
    page.keyboard.press("s")
    expect(page.locator(".st-key-undo-bar", has_text=str(cells.dataset.ids[second]))).to_be_visible()
    assert cells.sample_state(second).label == suggested

    truth = pd.read_csv(ROOT / "sample_data" / "cells" / "truth.csv", keep_default_na=False).set_index("id")
    wrong = truth.index[truth["kind"] != ""]
    rows = cells.dataset.rows_of(list(wrong))
    cells.relabel(rows.tolist(), dict(zip(rows.tolist(), truth.loc[wrong, "true"].astype(float), strict=True)))
    visit("retrain", project="cells-sample")
    page.get_by_role("button", name="Retrain and compare").click()
    verdict = page.get_by_role(
        "heading", name=re.compile(r"Test RMSE fell by .* \(95 % interval .* to .*\) over 3 seeds")
    )
    expect(verdict).to_be_visible(timeout=180_000)
    ready(page)
    expect(page.get_by_text("From small to large values")).to_be_visible()
    expect(page.get_by_text("Predictions that changed")).to_be_hidden()
    picture("cells-retrain", tmp_path)
    found = cells.comparisons()[0]
    assert found.outcome == "better"
    assert found.main.difference.high < 0
    assert np.isfinite(found.by_target()["difference"]).all()
