"""Nothing registered stays undocumented, and the generated reference is up to date."""

import re
from pathlib import Path

import pytest

from attribution.cli import cli

ROOT = Path(__file__).parent.parent


def text(name):
    return (ROOT / name).read_text()


@pytest.mark.parametrize("name", ["methods.md", "reference.md", "benchmarks.md"])
def test_generated_pages_are_up_to_date(monkeypatch, name):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import build

    assert text(f"docs/{name}") == build.PAGES[name](), "run: python docs/build.py"


@pytest.mark.parametrize("kind", ["estimators", "detectors", "measures"])
def test_every_plugin_is_in_the_methods_page(kind):
    import importlib

    registry = getattr(importlib.import_module(f"attribution.{kind}"), kind)
    for name in registry.names():
        assert f"`{name}`" in text("docs/methods.md")  # its own words, in the page's tables
        item = registry.get(name)
        for field in ("title", "summary", "source", "unit" if kind == "measures" else "cost"):
            assert getattr(item, field), f"{name} has no {field}"


def test_every_source_of_networks_is_in_the_page_of_models():
    from attribution.models.sources import sources

    for source in sources.each():
        assert source.name == "given" or f"{source.name}:" in text("docs/models.md")
    assert "Project.create(" in text("docs/models.md")


def test_every_page_is_in_the_readme():
    readme = text("README.md").lower()
    for page in (ROOT / "pages").glob("[a-z]*.py"):
        assert page.stem.replace("_", " ") in readme, page.name


def test_every_verb_is_in_the_readme():
    for command in cli.registered_commands:
        if not command.hidden:
            assert f"datablame {command.name or command.callback.__name__}" in text("README.md") + text(
                "docs/reference.md"
            )


def test_links_and_pictures_of_the_docs_exist():
    made = {ROOT / "docs" / name for name in ("api.md", "changes.md", "security.md")}  # when the site is built
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            there = (page.parent / target).resolve()
            assert there.exists() or (there in made and page.name != "README.md"), f"{page.name} links to {target}"


def test_the_page_of_python_has_every_member_of_a_project_and_every_result(monkeypatch):
    from attribution import Project

    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import api

    page = api.api()
    plain_values = {"folder", "about", "review", "models", "studies", "results", "board"}  # made in its constructor
    for name in dir(Project):
        if not name.startswith("_") and name not in plain_values:
            assert re.search(rf"^### {name}(\(|$)", page, re.M), name
    for result in ("FlagResult", "RetrainResult", "LeakResult", "BenchResult", "ScoreResult"):
        assert f"## {result} " in page
    assert "``" not in page


def test_every_page_of_the_docs_is_on_the_site():
    site = text("mkdocs.yml")
    for page in (ROOT / "docs").rglob("*.md"):
        assert f" {page.relative_to(ROOT / 'docs')}\n" in site, f"add {page.name} to nav in mkdocs.yml"


def test_what_people_have_and_type_is_told_by_a_script_for_each_line(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from doors import ORDER, SCRIPTS, told, with_doors

    assert text("README.md") == with_doors(text("README.md")), "run python docs/build.py"
    scripts = {path.stem: told(path) for path in SCRIPTS.glob("*.py")}
    assert set(ORDER) <= set(scripts)
    assert all(have and typed for have, typed in scripts.values())


def test_the_two_commands_of_the_readme_are_in_the_makefile():
    for command in ("run", "test"):
        assert f"make {command}" in text("README.md")
        assert re.search(rf"^{command}:", text("Makefile"), re.M)


def test_the_readme_s_python_example_runs(tiny_project, monkeypatch, tmp_path):
    from attribution import Project, RetrainConfig

    (example,) = re.findall(r"```python\n(.*?)```", text("README.md"), re.S)
    for theirs, ours in (('"shoes"', '"digits"'), ('"boots/0017.png"', '"train-00017"'), ('"sandals"', '"3"')):
        assert theirs in example
        example = example.replace(theirs, ours)
    retrain = Project.retrain
    monkeypatch.setattr(Project, "retrain", lambda self: retrain(self, RetrainConfig(bootstrap=200, device="cpu")))
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    assert "plotly" in (tmp_path / "proof.html").read_text()
    assert Project.open("digits").sample_state(17).label == 3


def test_the_app_asks_nothing_sends_nothing_and_stays_on_this_machine():
    import tomllib

    settings = tomllib.loads(text(".streamlit/config.toml"))
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["allowedHosts"] == ["127.0.0.1", "localhost"]  # any other name is DNS rebinding
    assert settings["server"]["showEmailPrompt"] is False  # it would stop `make run` at a question
    # Else Streamlit may lay an offer of its own over every page.
    assert settings["logger"]["hideWelcomeMessage"] is True
    assert settings["browser"]["gatherUsageStats"] is False
