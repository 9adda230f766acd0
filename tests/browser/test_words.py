"""The user's words on a real screen: shown letter by letter on every page, and nothing that they hold is fetched or
run."""

import os
import re
from urllib.parse import quote

import pytest
from nasty import WORDS, word, write_texts
from serve import ready, server

NAME = "*texts* $a$ $b$"
# Where each page shows class names, ids, notes or selections as text of the page (tables are drawn on a canvas).
PAGES = (
    "overview",
    "browse",
    "influence",
    "map",
    "angles",
    "review",
    "leaks",
    "shift",
    "memorization",
    "compare",
    "retrain",
    "history",
    "new_project",
)


@pytest.fixture(scope="module")
def nasty_app(tmp_path_factory):
    from attribution import DataConfig, FlagConfig, MapConfig, ModelConfig, Project, ScoreConfig, TrainConfig
    from attribution.studies.leaks.study import LeakConfig
    from attribution.studies.memorization.study import MemorizeConfig

    home = tmp_path_factory.mktemp("home")
    write_texts(home / "texts.jsonl")
    data = DataConfig(path=str(home / "texts.jsonl"), text="body", id="key", split="split", group="group")
    recipe = TrainConfig(epochs=5, batch_size=16, optimizer="adamw", checkpoints=2, device="cpu")
    project = Project.create(home / NAME, data, ModelConfig(width=16), recipe)
    project.train()
    project.flag(FlagConfig(folds=3, cases=40, device="cpu"))
    project.embed(MapConfig(method="pca", device="cpu"))
    project.find_leaks(LeakConfig(device="cpu"))
    project.score(ScoreConfig(queries="test", device="cpu"))
    project.angle()
    project.memorize(MemorizeConfig(models=8, device="cpu"))
    project.relabel([1, 2], project.classes[1], reason=word(0))
    for at, words in enumerate(WORDS[:8]):
        project.select([at, at + 1], words)
    with server({**os.environ, "DATABLAME_HOME": str(home), "HOME": str(home)}) as address:
        yield address


@pytest.fixture
def watched(page):
    """Addresses that the page asked for, and dialogs that a script opened."""
    asked, opened = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    return asked, opened


def seen(page):
    """All text of the page, folds opened, blanks as one; read again until it stays the same."""
    page.evaluate(
        "() => document.querySelectorAll('[data-testid=stMain] details:not([open]) > summary').forEach(one => "
        "one.click())"
    )
    before, now = "", "-"
    for _ in range(20):
        if now == before:
            break
        page.wait_for_timeout(700)
        before, now = now, page.evaluate("() => document.querySelector('[data-testid=stApp]').innerText")
    return re.sub(r"\s+", " ", now)


def test_every_page_shows_the_words_and_fetches_nothing(page, nasty_app, watched):
    asked, opened = watched
    shown = {}
    for name in PAGES:
        page.goto(f"{nasty_app}/{name}?project={quote(NAME)}")
        ready(page)
        shown[name] = seen(page)
        icons = page.eval_on_selector_all("[data-testid=stMain] [role=img]", "all => all.map(one => one.innerText)")
        assert "bolt" not in icons
        links = page.eval_on_selector_all("[data-testid=stApp] a", "all => all.map(one => one.href)")
        assert not [link for link in links if "host.example" in link and not link.startswith(nasty_app)], name
        assert page.locator("[data-testid=stMain] .katex").count() == 0
    for word_ in WORDS:
        where = [name for name in PAGES if word_ in shown[name]]
        assert "review" in where, (word_, where)
        assert len(where) > 1, (word_, where)
    assert not [address for address in asked if not address.startswith((nasty_app, "data:", "blob:"))]
    assert not opened


def test_a_relabel_button_and_its_toast_show_the_class(page, nasty_app, watched):
    asked, opened = watched
    page.goto(f"{nasty_app}/review?project={quote(NAME)}")
    ready(page)
    button = page.locator("[class*='st-key-label-'] button:not([disabled])").first
    name = re.sub(r"\s+", " ", button.inner_text())
    assert any(found in name for found in WORDS)
    button.click()
    toast = page.locator(".st-key-undo-bar")
    toast.wait_for()
    assert any(found in re.sub(r"\s+", " ", toast.inner_text()) for found in WORDS)
    assert not [address for address in asked if not address.startswith((nasty_app, "data:", "blob:"))]
    assert not opened


def test_what_the_pointer_is_told_and_the_legend_are_text(page, nasty_app, watched):
    asked, opened = watched
    page.goto(f"{nasty_app}/map?project={quote(NAME)}")
    ready(page)
    page.wait_for_timeout(1_500)
    tip = page.locator(".tip")
    parts = tip.evaluate("tip => [...tip.querySelectorAll('*')].map(one => one.tagName).join()")
    page.locator("canvas.over").focus()
    for key in ("ArrowLeft", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
        page.wait_for_timeout(400)
        told = re.sub(r"\s+", " ", tip.inner_text())
        assert any(found in told for found in WORDS), told
    assert tip.evaluate("tip => [...tip.querySelectorAll('*')].map(one => one.tagName).join()") == parts
    legend = page.locator(".legend")
    assert any(found in re.sub(r"\s+", " ", legend.inner_text()) for found in WORDS)
    assert set(legend.evaluate("all => [...all.querySelectorAll('*')].map(one => one.tagName)")) == {"SPAN", "I"}
    assert not [address for address in asked if not address.startswith((nasty_app, "data:", "blob:"))]
    assert not opened
