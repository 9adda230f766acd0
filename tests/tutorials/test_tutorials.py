"""The tutorials run as they stand: each block of each page, in order, in an empty folder and a home of its own."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from attribution.cli import cli

TUTORIALS = Path(__file__).resolve().parent.parent.parent / "docs" / "tutorials"
BLOCK = re.compile(r"^```(python|sh)(?: title=\"([\w./-]+)\")?\n(.*?)^```$", re.M | re.S)
NAMES = sorted(path.stem for path in TUTORIALS.glob("*.md"))


def run_python(name, code, known):
    exec(compile(code, name, "exec"), known)


def run_shell(code):
    """Each line is a verb of ours; anything else would not be tried here."""
    said = []
    for line in code.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        assert words[0] == "datablame", line
        done = CliRunner().invoke(cli, words[1:], catch_exceptions=False)
        assert done.exit_code == 0, f"{line}\n{done.output}"
        said.append(done.output)
    return said


@pytest.mark.parametrize("name", NAMES)
def test_every_block_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for active in ("VIRTUAL_ENV", "CONDA_PREFIX"):  # another environment's Python need not have pandas
        monkeypatch.delenv(active, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    text = (TUTORIALS / f"{name}.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(text)
    assert len(blocks) == text.count("\n```") / 2 + text.startswith("```")  # none is of a kind that is not tried
    known = {"__name__": name}
    for number, (kind, file, code) in enumerate(blocks, 1):
        if file:
            Path(file).write_text(code, encoding="utf-8")
        elif kind == "python":
            run_python(f"{name}.md, block {number}", code, known)
        else:
            run_shell(code)
    sys.modules.pop("nets", None)


def test_the_site_shows_every_tutorial():
    site = (TUTORIALS.parent.parent / "mkdocs.yml").read_text(encoding="utf-8")
    assert NAMES
    for name in NAMES:
        assert f"tutorials/{name}.md" in site
