"""The page on architecture is true: its storeys are the contract's, and the files and names on its paths exist."""

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

from rooms import storeys  # noqa: E402

PAGE = (ROOT / "docs" / "architecture.md").read_text()
PATHS = ("batch", "edit", "model")


def names_in(file: Path) -> set[str]:
    """Functions and classes of a file, and ``Class.method``."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def test_the_storeys_are_those_of_the_contract():
    rows = re.findall(r"^\| (?!storey|---)[a-z -]+ \| (`[^|]+`) \|", PAGE, re.M)
    said = [room for row in rows for room in re.findall(r"`(\w+)`", row)]
    assert said == [room for layer in storeys() for room in layer]


def test_every_file_and_name_exists():
    places = re.findall(r"`((?:attribution|pages)/[\w/]+\.py): ([\w.]+)`", PAGE)
    assert len(places) > 35
    for file, name in places:
        assert name in names_in(ROOT / file), f"{file} has no {name}"
    for file in re.findall(r"`((?:attribution|pages|docs)/[\w/]+\.py)`", PAGE):
        assert (ROOT / file).is_file(), file


def test_each_step_of_the_paths_names_a_place():
    steps = re.findall(r"^\d+\. (.+(?:\n   .+)*)", PAGE.split("## The path of one batch")[1], re.M)
    assert len(steps) > 20
    for step in steps:
        assert re.search(r"`\w[\w/]*\.py: \w", step), step


def test_it_is_one_page_with_five_rules():
    assert len(PAGE.splitlines()) < 80
    rules = PAGE.split("## Five rules")[1].split("##")[0]
    assert re.findall(r"^(\d)\. \*\*", rules, re.M) == list("12345")
    assert all(f"The path of {'a user' if name == 'model' else 'one'}" in PAGE for name in PATHS)
