"""The third sentences of the errors that scripts end in, followed as their users would follow them."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from attribution.errors import UserError
from attribution.gradients.engine import GradientEngine

FOLLOWED: dict[str, Callable[[UserError], None]] = {}


def follows(way: Callable[[UserError], None]) -> Callable[[UserError], None]:
    """Decorator that files the way out of one script's error under the script's name."""
    FOLLOWED[way.__name__] = way
    return way


def exact(net: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor) -> None:
    """The dots that docs/tasks.md says how to get are those of one sample at a time."""
    engine = GradientEngine(net.eval(), loss)
    found = engine.dots(x[:5], y[:5], engine.queries(x[5:10], y[5:10]))
    weights = [one for one in net.parameters() if one.requires_grad]

    def slope(row: int) -> Tensor:
        own = torch.autograd.grad(
            loss(net(x[row, None]), y[row, None]).sum(), weights, allow_unused=True, materialize_grads=True
        )
        return torch.cat([one.flatten() for one in own])

    rows = [torch.stack([slope(row) for row in part]) for part in (range(5), range(5, 10))]
    wanted = rows[0] @ rows[1].T
    assert float((found - wanted).abs().max()) <= 1e-4 * float(wanted.abs().max())


class Logits(nn.Module):
    """A network of transformers as one of ids alone."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, ids: Tensor) -> Tensor:
        found: Any = self.net(input_ids=ids)
        return found.logits


def tokens(table: pd.DataFrame, column: str = "body") -> Tensor:
    """Word ids (10, t) of the first texts, cut to one length."""
    from transformers import AutoTokenizer

    found = [AutoTokenizer.from_pretrained("bert")(text)["input_ids"] for text in table[column][:10]]
    length = min(map(len, found))
    return torch.tensor([one[:length] for one in found])


@follows
def word_labels(error: UserError) -> None:
    from transformers import AutoModelForTokenClassification

    assert "docs/tasks.md, Without labels" in error.do
    torch.manual_seed(0)
    ids = tokens(pd.read_json("words.jsonl", lines=True))

    def by_word(logits: Tensor, tags: Tensor) -> Tensor:
        return functional.cross_entropy(logits.transpose(1, 2), tags, reduction="none").mean(1)

    net = AutoModelForTokenClassification.from_pretrained("bert", num_labels=2, ignore_mismatched_sizes=True)
    exact(Logits(net), by_word, ids, ids % 2)


@follows
def pairs(error: UserError) -> None:
    from transformers import AutoModel

    assert "docs/tasks.md, Without labels" in error.do
    table = pd.read_csv("pairs.csv")
    both = torch.stack([tokens(table, "question")[:, :6], tokens(table, "passage")[:, :6]], 1)

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = AutoModel.from_pretrained("bert", add_pooling_layer=False)

        def forward(self, x: Tensor) -> Tensor:
            one, other = (self.net(input_ids=x[:, place]).last_hidden_state.mean(1) for place in (0, 1))
            return functional.cosine_similarity(one, other)

    exact(Both(), lambda alike, wanted: (alike - wanted) ** 2, both, torch.ones(10))


@follows
def diffusion(error: UserError) -> None:
    from net import build

    assert "docs/tasks.md, Without labels" in error.do
    clean = torch.load("pictures.pt", weights_only=True)[:10]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))

    class Step(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = build()

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x, torch.full((len(x),), 0.5))

    exact(Step(), lambda said, noise: ((said - noise) ** 2).mean((1, 2, 3)), 0.8 * clean + 0.6 * noise, noise)


@follows
def boosting(error: UserError) -> None:
    from attribution import Project, ScoreConfig

    assert "The queue, leaks, neighbours and the map need no model" in error.do
    project = Project.open("shoes")
    assert len(project.flag().queue(5)) == 5
    scores = project.score(ScoreConfig(estimator="knn-shapley", queries="test"))
    assert scores.n_queries
