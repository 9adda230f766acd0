"""Pages of a project that can only be read, and of one whose disk or files fail: words in their place, no traceback."""

import pytest
from disks import read_only

PAGES = (
    "overview",
    "influence",
    "map",
    "review",
    "leaks",
    "shift",
    "memorization",
    "fairness",
    "compare",
    "retrain",
    "history",
    "angles",
)


def test_pages_of_a_project_that_can_only_be_read(app, tiny_project, monkeypatch):
    with read_only(tiny_project.folder) as place:
        monkeypatch.setenv("DATABLAME_HOME", str(place.parent))
        for page in PAGES:
            assert [error.value for error in app(page, project="digits").error] == [], page
        test = app("influence", project="digits")
        key = next(button.key for button in test.button if button.key and button.key.startswith("drop-hurt"))
        test.button(key=key).click().run()
        assert not test.exception
        assert any("may not be written" in error.value for error in test.error)


@pytest.mark.parametrize(
    "broken", [OSError(28, "No space left on device", "x"), OSError(5, "Input/output error", "x"), MemoryError()]
)
def test_what_the_machine_does_to_a_page_is_said_in_its_place(app, tiny_project, monkeypatch, broken):
    from attribution.project.runs import Models

    def fail(*_, **__):
        raise broken

    monkeypatch.setattr(Models, "predictions", fail)
    test = app("influence", project="digits")
    assert any(
        sign in error.value for error in test.error for sign in ("disk is full", "disk reports", "Memory ran out")
    )


def test_a_bug_on_a_page_keeps_its_traceback(tiny_project, monkeypatch):
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from attribution.project.runs import Models

    def fail(*_, **__):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(Models, "predictions", fail)
    test = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "app.py"), default_timeout=60)
    test.query_params["project"] = "digits"
    test.run()
    test.switch_page("pages/influence.py").run()
    assert test.exception
