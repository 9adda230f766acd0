"""Conversations: what a language model reads, and which of its words it learns."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.datasets.chat.conversation import TURNS, Conversation
from attribution.datasets.chat.encode import Size, encode_chats, limit_of, notes, words_of
from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.encode import Encoded
from attribution.datasets.handed import Inputs
from attribution.datasets.previews import examples_of, spread
from attribution.datasets.source import Source
from attribution.errors import UserError
from attribution.modalities.base import Modality, register, shorten
from attribution.modalities.space import Space, words_space
from attribution.progress import Progress
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import torch

LOOKED_AT = 2000  # conversations that a preview takes apart


@register("chat")
class ChatModality(Modality):
    """The turns of each conversation."""

    title = "conversations"
    one = "conversation"
    size_unit = "tokens"
    shown_as = "chat"
    network = "gpt"
    networks = ("gpt",)
    task = "causal-lm"
    recipe: ClassVar[Mapping[str, Any]] = {
        "optimizer": "adamw",
        "lr": 0.003,
        "weight_decay": 0.01,
        "epochs": 10,
        "batch_size": 16,
    }
    ways = ()
    tokens = True

    def encode(
        self, source: "Source", samples: "pd.DataFrame", config: "DataConfig", folder: "Path", progress: "Progress"
    ) -> "Encoded":
        return encode_chats(source, samples, config, folder, progress)

    def preview(self, source: "Source", samples: "pd.DataFrame", config: "DataConfig") -> dict[str, Any]:
        step = max(1, len(samples) // LOOKED_AT)
        some = samples.iloc[::step]
        limit = limit_of(config)
        sizes = [Size.of(words_of(Conversation.from_json(text)), limit) for text in some[TURNS]]
        shown = spread(samples, 12)
        examples = [
            {**example, "text": text, TURNS: turns}
            for example, text, turns in zip(examples_of(shown), shown["text"], shown[TURNS], strict=True)
        ]
        return {
            "shape": (2, min(max(size.tokens for size in sizes), limit)),
            "examples": examples,
            "problems": notes(sizes, some["source"].tolist(), limit, 0, config),
            "checked": len(some),
        }

    def found(self, shape: Sequence[int], n: int, sizes: str) -> str:
        return f"{self.count(n)} of up to {shape[-1]:,} tokens"

    def shape_words(self, shape: Sequence[int]) -> str:
        return f"{shape[-1]:,} tokens"

    def original(self, dataset: Dataset, row: int) -> Conversation:
        """The whole conversation."""
        return dataset.conversation(row)

    def tensor(
        self, dataset: Dataset, rows: "np.ndarray", device: "str | torch.device", inputs: Inputs
    ) -> "torch.Tensor":
        """Token ids and what each position is, int64 (b, 2, T)."""
        import numpy as np
        import torch

        return torch.from_numpy(np.array(dataset.inputs[rows]).astype(np.int64)).to(device)

    def space(self, dataset: Dataset) -> Space:
        return words_space(dataset)

    def describe(self, dataset: Dataset, row: int) -> str:
        """The last question and its answer, cut at 280 characters."""
        return shorten(" \u2192 ".join(_sides(dataset.conversation(row))), 280)

    def line(self, dataset: Dataset, row: int, letters: int = 80) -> str:
        """The last question and its answer, each with half of the letters."""
        sides = _sides(dataset.conversation(row))
        return " \u2192 ".join(shorten(side, letters // 2 - 1) for side in sides)

    def full(self, dataset: Dataset, row: int) -> str:
        """All turns."""
        return dataset.conversation(row).plain

    def alt(self, dataset: Dataset, row: int) -> str:
        """The start of the question and of the answer."""
        text = shorten(" \u2192 ".join(_sides(dataset.conversation(row))), 120)
        return f"Conversation {dataset.ids[row]}: {text}"

    def movable(self, info: DatasetInfo) -> None:
        """No words."""
        raise UserError(
            "The samples are conversations.",
            "Words cannot be moved by a small amount.",
            "Ask for loss or margin, or use pictures or a table.",
        )

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """``text``."""
        return super().columns(dataset).assign(text=dataset.column("text").to_numpy())


def _sides(conversation: Conversation) -> list[str]:
    """The last trained turn behind the one before it."""
    turns = conversation.turns
    last = max((place for place, turn in enumerate(turns) if turn.trained), default=len(turns) - 1)
    return [shorten(turn.content, 200) for turn in turns[max(last - 1, 0) : last + 1]]
