"""Every page through ``app.py``, in its empty, bare and ready state."""

import subprocess
import sys
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app.py"
PAGES = sorted(path.stem for path in APP.parent.glob("pages/*.py") if path.stem != "__init__")


@pytest.mark.parametrize("page", PAGES)
def test_without_a_project_the_way_in_is_shown(app, words, page):
    test = app(page)
    shown = words(test)
    assert "Open this sample" in shown
    assert "sample" in shown


@pytest.mark.parametrize("page", PAGES)
def test_a_project_with_data_alone_offers_the_next_action(app, words, bare_project, page):
    test = app(page, project="bare")
    shown = words(test)
    assert not test.error
    if page not in ("retrain", "history", "new_project"):
        assert "Train and analyse" in shown


@pytest.mark.parametrize("page", PAGES)
def test_a_finished_project_opens_without_an_error(app, words, tiny_project, page):
    test = app(page, project="digits")
    assert not test.error
    assert test.title


def test_overview_says_what_is_wrong_and_what_to_do(app, words, tiny_project):
    shown = words(app(project="digits"))
    for expected in ("Test accuracy", "Probably wrong labels", "Next:", "Commonest mistakes", "240 train"):
        assert expected in shown


def test_an_unknown_project_is_said_in_words(app, words, tiny_project):
    assert "There is no project" in words(app(project="nowhere"))


def test_the_shared_parts_need_no_torch():
    """Importing torch would cost seconds on the first paint."""
    code = "import sys, pages.parts.cards, pages.parts.jobs, attribution.project; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=APP.parent, check=False).returncode == 0
