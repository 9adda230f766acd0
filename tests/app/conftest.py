"""The app as a user opens it, without a browser."""

from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[2] / "app.py"


@pytest.fixture
def app():
    """``app(page, **address)`` opens a page of the app with these query parameters and has run it once."""
    from streamlit.testing.v1 import AppTest

    def start(page="overview", **address):
        test = AppTest.from_file(str(APP), default_timeout=60)
        for name, value in address.items():
            test.query_params[name] = value
        test.run()
        if page != "overview":
            test.switch_page(f"pages/{page}.py").run()
        assert not test.exception, test.exception[0].stack_trace
        return test

    return start


def text_of(test):
    """All words on the page, sidebar included."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "info",
        "warning",
        "error",
        "metric",
        "html",
        "button",
    )
    found = []
    for kind in kinds:
        for element in getattr(test, kind, []):
            found += [str(getattr(element, "label", "")), str(getattr(element, "value", ""))]
    return "\n".join(found)


@pytest.fixture
def press():
    """``press(test, start)`` clicks the first button whose key begins with ``start``: the rest of the key is what the
    button is about."""

    def click(test, start):
        key = next(button.key for button in test.button if button.key and button.key.startswith(start))
        test.button(key=key).click().run()
        assert not test.exception, test.exception[0].stack_trace

    return click


@pytest.fixture
def words():
    return text_of
