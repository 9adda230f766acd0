"""The three models and their data on which we and the peers are timed: an MLP on digits, a CNN on clothes, a small
transformer on sentences."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from attribution.settings.configs import TrainConfig
from attribution.tasks import task_of
from attribution.training.trained import TrainedModel

SAMPLES = Path(__file__).resolve().parent.parent / "sample_data"
BATCH, QUERIES, LENGTH = 128, 100, 64


class Cut(Dataset):
    """Samples that are handed out a batch at a time, so that no library pays for collating single samples."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.x[index], self.y[index]

    def __getitems__(self, indices: list[int]) -> list[Tensor]:
        return [self.x[indices], self.y[indices]]


@dataclass(frozen=True)
class Work:
    """A trained model with n training samples and 100 queries; ``checkpoints`` are state dicts of its training, the
    model's own last."""

    name: str
    model: nn.Module
    checkpoints: list[dict[str, Tensor]]
    x: Tensor
    y: Tensor
    asked: tuple[Tensor, Tensor]
    batch: int = BATCH

    @property
    def n(self) -> int:
        return len(self.y)

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.model.parameters())

    def copy(self) -> nn.Module:
        """The model for somebody who may change it."""
        return deepcopy(self.model)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, self.n, self.batch):
            yield self.x[start : start + self.batch], self.y[start : start + self.batch]

    def loader(self, batch_size: int = 0) -> DataLoader:
        return DataLoader(Cut(self.x, self.y), batch_size or self.batch, collate_fn=_as_it_is)

    def asked_loader(self) -> DataLoader:
        return DataLoader(Cut(*self.asked), QUERIES, collate_fn=_as_it_is)

    @torch.no_grad()
    def forward(self) -> None:
        """The unit of cost: one plain pass over the training samples."""
        for x, _ in self.batches():
            self.model(x)

    def repeated(self, times: int) -> "Work":
        """The same work with the training samples ``times`` over."""
        every = (times, *[1] * (self.x.dim() - 1))
        return Work(self.name, self.model, self.checkpoints, self.x.repeat(every), self.y.repeat(times), self.asked)

    def trained(self, device: str = "cpu") -> TrainedModel:
        """What our estimators ask: rows 0..n-1 are the training samples, the queries follow; every checkpoint has
        weight 1."""
        x, y = torch.cat([self.x, self.asked[0]]), torch.cat([self.y, self.asked[1]])
        dataset = _Rows(x, y)
        values = y.cpu().numpy()
        labels = SimpleNamespace(values=values, at=values.__getitem__, train_rows=lambda dataset: np.arange(self.n))
        run = SimpleNamespace(
            id=self.name,
            checkpoints=[(None, 1.0) for _ in self.checkpoints],
            model=lambda index, dataset, trusted: self._at(index),
            train_config=TrainConfig(),
            config={"source": "loaded"},
        )
        return TrainedModel(dataset, labels, run, device=device, batch_size=self.batch)  # type: ignore[arg-type]

    def _at(self, index: int) -> nn.Module:
        model = self.copy()
        model.load_state_dict(self.checkpoints[index])
        return model


class _Rows:
    """The part of a dataset that estimators read."""

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.x, self.ids = x, np.array([f"{row:06d}" for row in range(len(y))])
        self.info = SimpleNamespace(classes=tuple(range(int(y.max()) + 1)))
        self.task = task_of(self.info)

    def __len__(self) -> int:
        return len(self.x)

    def as_of(self, labels: Any) -> "_Rows":
        return self

    def tensor(self, rows: Any, device: Any, inputs: Any = None) -> Tensor:
        return self.x[torch.as_tensor(rows)].to(device)


def _as_it_is(batch: Any) -> Any:
    return batch


class Block(nn.Module):
    """Self-attention and a perceptron, each behind a layer norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.next_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        z = self.norm(x)  # (b, t, d)
        q, k, v = (
            part(z).unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)  # (b, h, t, t)
        x = x + self.out((weights @ v).transpose(1, 2).flatten(2))
        return x + self.down(F.relu(self.up(self.next_norm(x))))


class Transformer(nn.Module):
    """Two blocks over characters, the mean over positions, then the classes."""

    def __init__(self, tokens: int, classes: int, width: int = 64) -> None:
        super().__init__()
        self.token, self.place = nn.Embedding(tokens, width), nn.Embedding(LENGTH, width)
        self.blocks = nn.Sequential(Block(width, 4), Block(width, 4))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device).expand_as(x)
        hidden = self.blocks(self.token(x) + self.place(places))  # (b, t, d)
        return self.head(self.norm(hidden).mean(1))


def _trained(name: str, model: nn.Module, x: Tensor, y: Tensor, n: int, epochs: int, lr: float) -> Work:
    """SGD with momentum over the first n samples from a fixed seed; the state after every third of the epochs is a
    checkpoint."""
    generator, kept = torch.Generator().manual_seed(0), []
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for epoch in range(epochs):
        for picked in torch.randperm(n, generator=generator).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(x[picked]), y[picked]).backward()
            optimizer.step()
        if (epoch + 1) % (epochs // 3) == 0:
            kept.append(deepcopy(model.state_dict()))
    return Work(name, model.eval(), kept[-3:], x[:n], y[:n], (x[n : n + QUERIES], y[n : n + QUERIES]))


def mlp(hidden: int = 128, n: int = 1697) -> Work:
    """64-128-10 on scikit-learn's digits."""
    torch.manual_seed(0)
    x, y = (torch.as_tensor(part) for part in load_digits(return_X_y=True))
    order = torch.randperm(len(y))
    model = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    return _trained("MLP", model, x[order].float() / 16, y[order].long(), n, 9, 0.05)


def cnn(n: int = 4900) -> Work:
    """The built-in CNN on pictures of clothes from the image sample."""
    torch.manual_seed(0)
    with np.load(SAMPLES / "fashion" / "fashion.npz", allow_pickle=False) as data:
        pictures, labels = data["X_train"][: n + QUERIES], data["y_train"][: n + QUERIES]
    x = torch.from_numpy(pictures).float()[:, None] / 255 - 0.3
    model = nn.Sequential(
        *(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        ),
        *(nn.Flatten(), nn.Linear(32 * 7 * 7, 64), nn.ReLU(), nn.Linear(64, 10)),
    )
    return _trained("CNN", model, x, torch.from_numpy(labels).long(), n, 3, 0.02)


def transformer(n: int = 1200) -> Work:
    """Two layers over the first 64 characters of the text sample's sentences."""
    torch.manual_seed(0)
    table = pd.read_csv(SAMPLES / "text" / "reviews.csv").iloc[: n + QUERIES]
    letters = {letter: index + 1 for index, letter in enumerate("abcdefghijklmnopqrstuvwxyz0123456789 .,'!?-:;()\"&")}
    rows = [[letters.get(letter, len(letters) + 1) for letter in text.lower()[:LENGTH]] for text in table["text"]]
    x = torch.tensor([row + [0] * (LENGTH - len(row)) for row in rows])
    y = torch.from_numpy(pd.factorize(table["label"], sort=True)[0]).long()
    return _trained("transformer", Transformer(64, int(y.max()) + 1), x, y, n, 3, 0.02)


WORKS: dict[str, Callable[[], Work]] = {"MLP": mlp, "CNN": cnn, "transformer": transformer}
