"""A world small enough to check by hand: three clouds of points, some with a wrong label, and a small network trained
on them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from attribution.datasets.chat.conversation import Conversation
from attribution.datasets.chat.encode import SPECIAL, encoded, words_of
from attribution.datasets.dataset import Dataset, DatasetInfo, Labels
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.studies.base import Context
from attribution.training.train import Run, train
from attribution.training.trained import TrainedModel

N_TRAIN, N_VAL, N_TEST, N_FLIPPED, CLASSES = 60, 15, 18, 6, 3
COPIES = 3  # the first test samples are copies of the first training samples


@dataclass(frozen=True)
class World:
    """A dataset, its labels, a run trained on it, and which training rows carry a wrong label."""

    dataset: Dataset
    labels: Labels
    run: Any
    flipped: np.ndarray

    def trained(self, **settings: Any) -> TrainedModel:
        return TrainedModel(self.dataset, self.labels, self.run, device="cpu", **settings)

    def context(self, folder: Path, queries: Any = (), **more: Any) -> Context:
        """What a study is told: results go below ``folder``, and every query means the rows ``queries``."""
        model = self.run.model_config
        given = {"model": model, "own": self.run.train_config, "rows": lambda words, run: np.asarray(queries)}
        return Context(folder, self.dataset, self.labels, self.run, **{**given, **more})


def write_dataset(
    folder: Path,
    x: np.ndarray,
    y: np.ndarray,
    ids: list[str],
    classes: tuple[str, ...] = tuple("abc"),
    task: dict[str, Any] | None = None,
) -> Dataset:
    splits = ["train"] * N_TRAIN + ["val"] * N_VAL + ["test"] * N_TEST
    samples = pd.DataFrame(
        {"id": ids, "split": splits, "label": y, "source": ids, "hash": [f"hash of {name}" for name in ids]}
    )
    about = {"preprocessing": {"columns": []}, "task": task or {}}
    info = DatasetInfo("tiny", "tabular", classes, (x.shape[1],), {}, "", **about)
    return Dataset.write(folder, info, samples, x.astype(np.float32))


def build(folder: Path) -> World:
    chance = np.random.default_rng(3)
    n = N_TRAIN + N_VAL + N_TEST
    y = np.arange(n) % CLASSES
    centres = 3 * np.array([[1, 0, 0, 1], [0, 1, 0, -1], [0, 0, 1, 0]])
    x = (centres[y] + chance.normal(size=(n, 4))).astype(np.float32)
    test = N_TRAIN + N_VAL
    flipped = np.sort(chance.choice(np.arange(COPIES, N_TRAIN), N_FLIPPED, replace=False))
    y[flipped] = (y[flipped] + 1 + chance.integers(0, CLASSES - 1, N_FLIPPED)) % CLASSES
    x[test : test + COPIES], y[test : test + COPIES] = x[:COPIES], y[:COPIES]
    dataset = write_dataset(folder / "data", x, y, [f"sample {row}" for row in range(n)])
    labels = dataset.base_version()
    recipe = TrainConfig(epochs=10, batch_size=8, lr=0.05, checkpoints=3, device="cpu")
    network, runs = ModelConfig(name="mlp", width=24), folder / "runs"
    run = train(dataset, labels, network, recipe, runs)
    train(dataset, labels, network, dataclasses.replace(recipe, seed=1), runs)  # a sibling, for ensembles
    return World(dataset, labels, run, flipped)


TASKS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "classification": (tuple("abc"), {}),
    "binary": (tuple("ab"), {"name": "binary", "kind": "class"}),
    "multilabel": (tuple("abc"), {"name": "multilabel", "kind": "set"}),
    "regression": ((), {"name": "regression", "kind": "number", "mean": 50.0, "std": 10.0, "unit": "mm"}),
}


def build_task(folder: Path, name: str, **settings: Any) -> World:
    """The same for another task: every target follows from the inputs, the first test samples are copies of the first
    training samples, and ``flipped`` ones are wrong."""
    classes, task = TASKS[name]
    chance = np.random.default_rng(3)
    n = N_TRAIN + N_VAL + N_TEST
    x = chance.normal(size=(n, 4)).astype(np.float32)
    score = x @ np.array([[1.0, -0.5, 0], [0, 1, -1], [0.5, 0, 1], [0, 1, 0.5]])  # (n, 3)
    targets = {
        "classification": score.argmax(1),
        "binary": (score[:, 0] > 0).astype(int),
        "multilabel": (score > 0) @ np.array([1, 2, 4]),
        "regression": 50 + 10 * np.tanh(score[:, 0]) + chance.normal(size=n),
    }[name]
    test = N_TRAIN + N_VAL
    flipped = np.sort(chance.choice(np.arange(COPIES, N_TRAIN), N_FLIPPED, replace=False))
    x[test : test + COPIES], targets[test : test + COPIES] = x[:COPIES], targets[:COPIES]
    asked = {**task, **settings} if task or settings else {}
    dataset = write_dataset(folder / "data", x, targets, [f"sample {row}" for row in range(n)], classes, asked)
    values = dataset.labels.copy()
    values[flipped] = dataset.task.targets.plant(values[flipped], chance)
    labels = Labels.of(dataset, values, np.ones(n, dtype=bool))
    recipe = TrainConfig(epochs=10, batch_size=8, lr=0.02, checkpoints=3, device="cpu")
    network, runs = ModelConfig(name="mlp", width=24), folder / "runs"
    run = train(dataset, labels, network, recipe, runs)
    train(dataset, labels, network, dataclasses.replace(recipe, seed=1), runs)
    return World(dataset, labels, run, flipped)


CHAT_WORDS = ("red", "blue", "green", "round", "long", "small", "old", "warm", "dry", "near")


def chat_rows(n: int, seed: int = 3) -> list[Conversation]:
    """Questions of two words that fix the answer: the first word twice, and what the second stands for."""
    chance = np.random.default_rng(seed)
    rows = []
    for a, b in chance.integers(0, len(CHAT_WORDS), (n, 2)):
        asked = f"{CHAT_WORDS[a]} and {CHAT_WORDS[b]}" + " please" * int(chance.integers(0, 3))
        said = f"{CHAT_WORDS[a]} {CHAT_WORDS[(b + 1) % len(CHAT_WORDS)]}" + " indeed" * int(chance.integers(0, 2))
        rows.append(Conversation.of([("user", asked), ("assistant", said)]))
    return rows


def write_chats(folder: Path, rows: list[Conversation], ids: list[str], **task: Any) -> Dataset:
    """Conversations in the order train, val, test as a chat project's data: words are tokens."""
    words = sorted({word for row in rows for word, _ in words_of(row)} - set(SPECIAL))
    length = max(len(words_of(row)) for row in rows)
    splits = ["train"] * (len(rows) - N_VAL - N_TEST) + ["val"] * N_VAL + ["test"] * N_TEST
    turns = [row.to_json() for row in rows]
    about = {"id": ids, "split": splits, "label": 0, "source": ids, "hash": [f"hash of {one}" for one in turns]}
    samples = pd.DataFrame({**about, "text": [row.plain for row in rows], "turns": turns, "row": turns})
    vocabulary = [*SPECIAL, *words]
    told = {"vocabulary": vocabulary, "schema": "messages"}
    inputs = np.stack([encoded(row, vocabulary, length) for row in rows])
    task = {"name": "causal-lm", "kind": "text", **task}
    info = DatasetInfo("tiny", "chat", (), inputs.shape[1:], {}, "", preprocessing=told, task=task)
    return Dataset.write(folder, info, samples, inputs)


def build_chats(folder: Path, **task: Any) -> World:
    """A chat world: a small transformer on short conversations; the first test samples are copies of the first
    training samples. Nothing is wrong in it."""
    n = N_TRAIN + N_VAL + N_TEST
    rows, test = chat_rows(n), N_TRAIN + N_VAL
    rows[test : test + COPIES] = rows[:COPIES]
    dataset = write_chats(folder / "data", rows, [f"sample {row}" for row in range(n)], **task)
    labels = dataset.base_version()
    lr = 0.05 if task.get("reduction") == "sum" else 0.3
    recipe = TrainConfig(epochs=10, batch_size=8, lr=lr, checkpoints=3, device="cpu")
    network, runs = ModelConfig(name="gpt", width=12), folder / "runs"
    run = train(dataset, labels, network, recipe, runs)
    train(dataset, labels, network, dataclasses.replace(recipe, seed=1), runs)
    return World(dataset, labels, run, np.zeros(0, dtype=np.int64))


def rewritten(world: World, folder: Path) -> World:
    """A chat world whose first training samples answer the same questions with other words."""
    rows = [world.dataset.conversation(row) for row in range(len(world.dataset))]
    rows[:COPIES] = [row.answered(" ".join(reversed(CHAT_WORDS[:2]))) for row in rows[:COPIES]]
    length = int(world.dataset.info.shape[-1])
    inputs = np.stack([encoded(row, world.dataset.info.preprocessing["vocabulary"], length) for row in rows])
    samples = world.dataset.samples.assign(turns=[row.to_json() for row in rows])
    dataset = Dataset.write(folder / "data", world.dataset.info, samples, inputs)
    return World(dataset, dataset.base_version(), world.run, world.flipped)


class Wrapped:
    """A run seen through changes: another precision, or rows in another order (``order[new row] = old row``)."""

    def __init__(
        self,
        run: Run,
        order: np.ndarray | None = None,
        change: Callable[[Any], Any] = lambda model: model,
        folder: Path | None = None,
    ) -> None:
        self.folder = folder or run.folder.with_name(f"{run.id} in another precision")
        self._run, self._order, self._change = run, order, change
        self.id, self.version, self.checkpoints = run.id, run.version, run.checkpoints
        self.model_config, self.train_config, self.config = run.model_config, run.train_config, run.config

    def model(self, index: int, dataset: Dataset, trusted: bool) -> torch.nn.Module:
        return self._change(self._run.model(index, dataset, trusted))

    def siblings(self) -> "list[Wrapped]":
        return [Wrapped(run, self._order, self._change) for run in self._run.siblings()]

    def _ordered(self, values: np.ndarray) -> np.ndarray:
        return np.array(values if self._order is None else values[self._order])

    def outputs(self) -> np.ndarray:
        return self._ordered(self._run.outputs())

    probabilities = outputs

    def representation(self) -> np.ndarray:
        return self._ordered(self._run.representation())

    def dynamics(self) -> pd.DataFrame:
        table = self._run.dynamics()
        return table if self._order is None else table.assign(row=np.argsort(self._order)[table["row"]])


def in_double(world: World) -> World:
    """The same world, computing in float64."""
    return World(world.dataset, world.labels, Wrapped(world.run, change=lambda model: model.double()), world.flipped)


def reordered(world: World, folder: Path, seed: int = 0) -> tuple[World, np.ndarray]:
    """The same world with the rows of each split shuffled, and ``order[new row] = old row``."""
    chance = np.random.default_rng(seed)
    order = np.concatenate([chance.permutation(world.dataset.rows(split)) for split in ("train", "val", "test")])
    dataset = write_dataset(
        folder / "data",
        world.dataset.inputs[order],
        world.dataset.labels[order],
        [str(name) for name in world.dataset.ids[order]],
    )
    flipped = np.flatnonzero(np.isin(order[:N_TRAIN], world.flipped))
    return World(
        dataset, dataset.base_version(), Wrapped(world.run, order, folder=folder / "runs" / world.run.id), flipped
    ), order


def one_at_a_time(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Loss gradients (b, P) by plain autograd, one sample after the other: the oracle."""
    rows = []
    for index in range(len(x)):
        loss = torch.nn.functional.cross_entropy(model(x[index : index + 1]), y[index : index + 1])
        rows.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))]))
    return torch.stack(rows)
