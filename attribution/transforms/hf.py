"""The image processor or tokenizer of a Hugging Face folder; code of theirs is never run."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from attribution.datasets.chat.conversation import Conversation
from attribution.datasets.chat.encode import BEYOND
from attribution.datasets.originals import origin
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.storage.files import file_hash, read_json
from attribution.transforms._needs import library
from attribution.transforms.arrays import PACKED, as_array
from attribution.transforms.base import Transform, register
from attribution.transforms.packaged import folder_of, packaged
from attribution.transforms.template import tokens_of_chat

LEAST_MORE = 32  # positions at least that are there beyond the longest conversation, for rewritten rows and questions
LONGEST = 2048  # tokens of a conversation, where neither tokenizer nor model says
LARGEST = 1_000_000  # what tokenizers without a limit say is far above
USUAL = 512  # tokens, where a tokenizer has no limit
FILES = ("preprocessor_config.json", "processor_config.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
MORE = ("vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "spiece.model", "tokenizer.model")


@register("hf")
class HuggingFace(Transform):
    """``AutoImageProcessor`` for pictures, ``AutoTokenizer`` for texts: ids, mask and types packed as int64 (k, L); of
    conversations ids and what each position is (2, L), by the chat template (``transforms.template``).

    L is the longest text of the data, at most the tokenizer's limit (of conversations: the model's), and at most
    ``max_tokens`` where one was chosen.
    """

    written = "hf:FOLDER"
    summary = "The image processor or tokenizer that was saved in a folder (save_pretrained)."
    kinds = ("image", "text", "chat")

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(rest, dataset, shape, training)
        first = dataset.originals[0]
        self.turns = isinstance(first, Conversation)
        self._cut: list[int] = []
        self._untrained: list[int] = []
        words = self.turns or isinstance(first, str)
        self.tokenizer: Any = _loaded(rest, "AutoTokenizer") if words else None
        self.processor: Any = None if words else _loaded(rest, "AutoImageProcessor")

    @classmethod
    def placed(cls, rest: str) -> str:
        path = Path(rest).expanduser()
        if packaged(rest):
            return rest.strip().lower()
        return str(path.resolve()) if path.exists() else rest

    @classmethod
    def identity(cls, rest: str) -> str:
        if known := packaged(rest):
            return f"hf:{known.content}"
        folder = Path(rest).expanduser()
        files = [folder / name for name in (*FILES, *MORE) if (folder / name).is_file()]
        return "hf:" + (",".join(f"{one.name} {file_hash(one)}" for one in files) or rest)

    def settled(self) -> tuple[int, ...]:
        """The shape of packed texts; () for pictures, whose first tensor tells it."""
        if self.tokenizer is None:
            return ()
        if self.turns:
            longest = min(self._limit, self._longest())
            return 2, min(self._limit, longest + max(LEAST_MORE, longest // 4))
        texts = [self.dataset.originals[row] for row in range(len(self.dataset))]
        found = self.tokenizer(texts, truncation=True, max_length=self._limit)
        rows = sum(name in found for name in PACKED)
        return rows, max(map(len, found["input_ids"]))

    def _longest(self) -> int:
        """Tokens of the longest conversation; which rows are cut, and which train nothing, is noted."""
        longest = 1
        for row in range(len(self.dataset)):
            found = tokens_of_chat(self.tokenizer, self.dataset.originals[row])
            longest = max(longest, len(found.ids))
            if len(found.ids) > self._limit:
                self._cut.append(row)
            if not any(found.trained[1 : self._limit]):
                self._untrained.append(row)
        return longest

    def notes(self) -> list[str]:
        """See ``Transform.notes``: conversations beyond the model's length, and those that train nothing."""
        lines = [
            (self._cut, f"{{}} longer than the model's {self._limit:,} tokens and cut at the end"),
            (self._untrained, "{} not trained: it has no answer, or one beyond the cut"),
        ]
        return [words.format(self._rows_said(rows)) for rows, words in lines if rows]

    def _rows_said(self, rows: list[int]) -> str:
        first = f"Conversation {self.dataset.ids[rows[0]]}"
        return f"{first} (and {len(rows) - 1:,} more) is" if len(rows) > 1 else f"{first} is"

    @cached_property
    def _limit(self) -> int:
        """Tokens at most: the tokenizer's own limit, and what was chosen for the data."""
        own = int(self.tokenizer.model_max_length)
        limit = own if own < LARGEST else self._positions() if self.turns else USUAL
        chosen = origin(self.dataset.folder).max_tokens
        return limit if chosen == DataConfig().max_tokens else min(limit, chosen)

    def _positions(self) -> int:
        """How many positions the folder's model has."""
        config = _folder(self.rest) / "config.json"
        told = read_json(config) if config.is_file() else {}
        return int(told.get("max_position_embeddings") or told.get("n_positions") or LONGEST)

    def _row(self, original: Conversation) -> tuple[list[int], list[bool]]:
        """Ids of a conversation and which are trained, cut at the limit; of a longer one than there is room for beside
        the data the end, where its answer is."""
        found = tokens_of_chat(self.tokenizer, original)
        room = self.shape[-1] if self.shape else self._limit
        return found.ids[: self._limit][-room:], found.trained[: self._limit][-room:]

    def one(self, original: Any) -> Any:
        return self.batch([original])[0]

    def batch(self, originals: Sequence[Any]) -> np.ndarray:
        """float32 (b, C, H, W), or int64 (b, k, L)."""
        if self.turns:
            return self._chats(originals)
        if self.processor is not None:
            found = self.processor(images=[one.convert("RGB") for one in originals], return_tensors="pt")
            return as_array(found["pixel_values"])
        length = self.shape[-1] if self.shape else self._limit
        found = self.tokenizer(list(originals), truncation=True, padding="max_length", max_length=length)
        return np.stack([np.array(found[name], dtype=np.int64) for name in PACKED if name in found], axis=1)

    def _chats(self, originals: Sequence[Conversation]) -> np.ndarray:
        rows = [self._row(one) for one in originals]
        found = np.zeros((len(rows), 2, self.shape[-1] if self.shape else max(len(ids) for ids, _ in rows)), np.int64)
        found[:, 1] = BEYOND
        for place, (ids, trained) in enumerate(rows):
            found[place, 0, : len(ids)] = ids
            found[place, 1, : len(ids)] = trained
        return found


def _folder(rest: str) -> Path:
    return folder_of(rest) if packaged(rest) else Path(rest)


def _loaded(rest: str, kind: str) -> Any:
    auto = getattr(library("transformers", f"hf:{rest}"), kind)
    try:
        return auto.from_pretrained(_folder(rest), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError) as error:
        what = "tokenizer" if kind == "AutoTokenizer" else "image processor"
        raise UserError(
            f"{rest} has no {what} that can be loaded: {' '.join(str(error).split())[:200]}.",
            "It says how a sample becomes the model's input.",
            f"Save it there: {what.split()[-1]}.save_pretrained({rest!r}).",
        ) from error
