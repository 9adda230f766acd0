"""The tokens of a conversation as text, as the model is handed them: for cards that show numbers of single tokens."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.chat.encode import BEYOND, TRAINED
from attribution.transforms.base import identity_of
from attribution.transforms.handing import array_of
from attribution.transforms.packaged import place

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.datasets.handed import Inputs
    from attribution.settings.configs import ModelConfig

AROUND = 4  # tokens before one that are decoded with it: letters may be cut in two, and words begin with a space


def handed(config: "ModelConfig") -> "Inputs":
    """What a language model of this config is handed, without torch."""
    from attribution.datasets.handed import STANDARDISED, Inputs

    if not config.transform:
        return STANDARDISED
    identity = identity_of(config.transform)
    return Inputs("transformed", transform=config.transform, shape=tuple(config.shape), identity=identity)


def tokens_of(dataset: "Dataset", row: int, inputs: "Inputs") -> list[tuple[str, bool]]:
    """Text of each token of a row, and whether it is trained, in the order of the model's positions; together the texts
    are the row. A letter that several tokens make stands at the last of them.

    Fast, and without torch, once the model's inputs are kept (``transforms.handing``), as they are after a training.
    """
    if not inputs.transformed:
        ids, kinds = np.asarray(dataset.inputs[row])
        words: Sequence[str] = dataset.info.preprocessing["vocabulary"]
        there = kinds != BEYOND
        texts = tuple(words[token] for token in ids[there])
    else:
        ids, kinds = array_of(dataset, np.array([row]), inputs)[0]
        there = kinds != BEYOND
        texts = _texts(tuple(ids[there].tolist()), inputs.transform.partition(":")[2])
    return list(zip(texts, (kinds[there] == TRAINED).tolist(), strict=True))


@lru_cache(maxsize=256)
def _texts(ids: tuple[int, ...], rest: str) -> tuple[str, ...]:
    """The text that each token adds to those before it."""
    decoder = _decoder(rest)
    found = []
    shown = 0  # the first token whose letters are not complete yet
    for at in range(len(ids)):
        before = decoder(ids[max(0, shown - AROUND) : shown])
        upto = decoder(ids[max(0, shown - AROUND) : at + 1])
        whole = not upto.endswith("\ufffd") or at + 1 == len(ids)
        found.append(upto[len(before) :] if whole else "")
        shown = at + 1 if whole else shown
    return tuple(found)


@lru_cache(maxsize=4)
def _decoder(rest: str) -> Any:
    """From ids to text, by the fast tokenizer's file; a folder without one asks the library."""
    from attribution.transforms._needs import library
    from attribution.transforms.packaged import packaged

    folder = place(rest) if packaged(rest) else Path(rest)
    if (folder / "tokenizer.json").is_file():
        own = library("tokenizers", f"hf:{rest}").Tokenizer.from_file(str(folder / "tokenizer.json"))
        return lambda ids: own.decode(list(ids), skip_special_tokens=False)
    loaded = library("transformers", f"hf:{rest}").AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
    return lambda ids: loaded.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
