"""Each of ``scripts/``, as its user would run it: scores that agree with one-sample autograd on the user's own
preprocessing and loss, or an error whose third sentence works when followed."""

import ast
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from practitioners import follow, given

from attribution.errors import UserError

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.py"))
LONGEST = 20  # lines of code
PAIRS = 5  # so many training samples with so many queries


def code_lines(path: Path) -> list[str]:
    """A script without its docstring and without empty lines."""
    text = path.read_text(encoding="utf-8")
    after = ast.parse(text).body[0].end_lineno or 0
    return [line for line in text.splitlines()[after:] if line.strip()]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_short(path):
    assert len(code_lines(path)) <= LONGEST


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_works_and_its_scores_are_those_of_autograd(path, tmp_path, monkeypatch):
    given.FOLDERS[path.stem]()
    monkeypatch.syspath_prepend(str(tmp_path / "work"))
    monkeypatch.delitem(sys.modules, "net", raising=False)
    try:
        said = runpy.run_path(str(path))
    except UserError as error:
        follow.FOLLOWED[path.stem](error)
        return
    if "proof" in said:
        assert "over 3 seeds" in said["proof"].verdict
    if "agreement" in said:
        assert said["agreement"].iloc[0]["annotator"] == "ben"
    if "queue" in said:
        trained = {*said["project"].dataset.ids[said["project"].dataset.rows("train")]}
        wrong = {f"shoes-{row}" for row in given.WRONG} & trained
        assert wrong
        assert wrong <= {*said["queue"]["id"]}
    if "net" in said and "scores" in said:
        agree(said)
    assert {"queue", "scores", "proof"} & said.keys()


def agree(said: dict[str, Any]) -> None:
    """Stored inner products against the gradients of the user's own loss, one sample at a time."""
    project, scores = said["project"], said["scores"]
    ids, (train, values) = project.dataset.ids, scores.matrix()
    asked = [scores.query_rows(column)[0] for column in range(scores.n_queries)][:PAIRS]
    train, ours = train[:PAIRS], values[:PAIRS, : len(asked)]
    own = [[gradient(said["net"], said["loss"], str(ids[row])) for row in rows] for rows in (train, asked)]
    theirs = torch.stack(own[0]).double() @ torch.stack(own[1]).double().T  # a sum over millions of weights
    assert np.abs(theirs).max() > 0
    assert np.abs(ours - theirs.numpy()).max() <= 1e-4 * np.abs(theirs).max()


def gradient(net: torch.nn.Module, loss: Callable[[str], torch.Tensor], name: str) -> torch.Tensor:
    """The gradient (p,) of one sample's loss over all that is trained."""
    weights = [weight for weight in net.parameters() if weight.requires_grad]
    found = torch.autograd.grad(loss(name).sum(), weights, allow_unused=True)
    return torch.cat([(torch.zeros_like(w) if g is None else g).flatten() for w, g in zip(weights, found, strict=True)])
