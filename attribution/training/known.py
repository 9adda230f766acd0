"""What is known of a training that was made elsewhere, beyond its weights."""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Known:
    """A recording of the user's own loop, in the terms of a run.

    ``key`` is the hash of what was recorded; ``dynamics`` its table (``OF_KIND``), ``checkpoints`` one entry per weight
    file, oldest first (epoch, lr, steps, weight), ``unit`` what TracIn is in with these weights, ``about`` what the
    run's ``config.json`` says beside. ``steps`` and ``batches`` (``dynamics.STEPS``, ``BATCHES``) are there where the
    loop logged what it trained on, step by step.
    """

    key: str
    dynamics: pd.DataFrame
    checkpoints: list[dict[str, Any]]
    unit: str
    seed: int = 0
    about: dict[str, Any] = field(default_factory=dict)
    steps: pd.DataFrame = field(default_factory=pd.DataFrame)
    batches: pd.DataFrame = field(default_factory=pd.DataFrame)
