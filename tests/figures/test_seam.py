"""Results and the files that draw them know each other."""

import re
from importlib import import_module
from pathlib import Path

import pytest

import attribution
from attribution.errors import UserError
from attribution.storage.artefact import Artefact

ROOT = Path(attribution.__file__).parent


def test_every_file_that_draws_results_is_named_by_one_and_there():
    named = {
        name
        for path in ROOT.rglob("*.py")
        for name in re.findall(r'drawn_by(?:: ClassVar\[str\])? = "(\w+)"', path.read_text())
    }
    drawing = {
        path.stem
        for path in (ROOT / "figures").glob("[a-z]*.py")
        if hasattr(import_module(f"attribution.figures.{path.stem}"), "figures_of")
    }
    assert named == drawing
    assert len(named) >= 11


def test_a_result_without_figures_says_so(tmp_path):
    result = Artefact(tmp_path)
    assert result.figures == ()
    with pytest.raises(UserError, match="no figure called 'polar'") as caught:
        result.figure("polar")
    assert caught.value.do == "Read its tables instead."
