"""Small chat projects for tests: sums, asked and answered in words."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attribution import DataConfig, ModelConfig, Project, TrainConfig

RECIPE = TrainConfig(epochs=3, batch_size=8, lr=0.01, optimizer="adamw", seed=0, device="cpu")


def question(a: int, b: int) -> str:
    """What is asked of two numbers."""
    return f"What is {a} plus {b}?"


def messages(a: int, b: int) -> dict[str, Any]:
    """A row in the schema ``messages``, with a column beside."""
    turns = [{"role": "user", "content": question(a, b)}, {"role": "assistant", "content": f"It is {a + b} ."}]
    return {"id": f"{a}+{b}", "messages": turns, "topic": "sums"}


def rows(make: Callable[[int, int], dict[str, Any]] = messages, n: int = 6) -> list[dict[str, Any]]:
    """A row for every pair of numbers below ``n``."""
    return [make(a, b) for a in range(n) for b in range(n)]


def write(path: Path, records: list[dict[str, Any]]) -> Path:
    """The records as JSON lines."""
    path.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return path


def project(folder: Path, records: list[dict[str, Any]] | None = None, **settings: Any) -> Project:
    """A project of these records with the tiny network."""
    path = write(folder / "chat.jsonl", rows() if records is None else records)
    given = {"task": "causal-lm", "val_fraction": 0.0} | settings
    return Project.create("chat", DataConfig(path=str(path), **given), ModelConfig("gpt", width=16), RECIPE)
