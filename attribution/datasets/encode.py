"""Turn samples into the array a model reads; every statistic comes from the training samples alone."""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets import missing_values
from attribution.datasets.kinds import modality
from attribution.datasets.missing_values import filled, indicator
from attribution.datasets.row_hashes import content_hash, row_hashes
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import Source, note, together
from attribution.datasets.words import marks, tidy
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import DataConfig
from attribution.storage.rows import rows_into

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES = 32
UNKNOWN = 1  # 0 pads
FAR = 1000  # standard deviations: said
LARGEST = 1e6  # standard deviations from the training mean: beyond, float32 gradients lose all digits
_APART = "぀-ヿ㐀-䶿一-鿿฀-๿຀-໿က-႟ក-៿"  # scripts written without spaces: Chinese, Japanese, Thai, Lao, Burmese, Khmer


@dataclass(frozen=True)
class Encoded:
    """Samples that could be encoded (with their content ``hash``), the shape a model sees, what is needed to repeat the
    encoding, and what was left out. The array itself is in ``inputs.npy``."""

    samples: "pd.DataFrame"
    shape: tuple[int, ...]
    preprocessing: dict[str, Any]
    problems: list[dict[str, Any]] = field(default_factory=list)


def encode(source: Source, samples: "pd.DataFrame", config: DataConfig, folder: Path, progress: Progress) -> Encoded:
    """Write ``folder/inputs.npy`` for ``samples`` (lines of ``source.samples`` in row order, with ``split``), and say
    what was done."""
    return modality(source.modality).encode(source, samples, config, folder, progress)


def steady(value: float) -> float:
    """Nine digits: the last bits of a sum depend on the machine, and the dataset's hash must not."""
    return float(f"{value:.9g}")


# --- text


def normalise(text: str) -> str:
    """Text as it is compared and tokenised: Unicode NFKC, lower case, straight quotes, single spaces, no sign that
    cannot be seen."""
    return tidy(unicodedata.normalize("NFKC", tidy(text)).lower().replace("\u2019", "'"))


def tokens_of(text: str) -> list[str]:
    """Words, punctuation marks and single signs of scripts without spaces, of a normalised text; combining marks stay
    with their letter."""
    return token().findall(text)


@lru_cache(1)
def token() -> re.Pattern[str]:
    """A sign of a script written without spaces, a word with inner apostrophes, or one punctuation mark or emoji, each
    with its marks."""
    mark = f"[{marks()}]"
    joined = "[\u200c\u200d]"
    letter = rf"[^\W_{_APART}]"
    part = rf"{letter}(?:{letter}|{mark}|{joined}(?={letter}|{mark}))*"
    sign = rf"[^\w\s{marks()}\u200c\u200d]{mark}*"
    return re.compile(rf"(?![{marks()}])[{_APART}]{mark}*|{part}(?:'{part})*|{sign}(?:\u200d{sign})*")


def encode_texts(
    source: Source, samples: "pd.DataFrame", config: DataConfig, folder: Path, progress: Progress
) -> Encoded:
    """int32 (n, L) token ids, 0 = padding, 1 = not in the vocabulary; L is the longest text, at most ``max_tokens``.

    The vocabulary holds the most frequent words of the training texts (ties by spelling);
    ``preprocessing["vocabulary"][id]`` is the word.
    """
    texts = [normalise(text) for text in samples["text"]]
    whole = [tokens_of(text) for text in texts]
    tokens = [words[: config.max_tokens] for words in whole]
    for position, words in enumerate(tokens):
        if not words:
            raise UserError(
                f"{source.where(int(samples.index[position]))} has no word in its text: "
                f"{samples['text'].iloc[position]!r}.",
                "There is nothing to read.",
                "Correct or remove the row.",
            )
    counts = Counter(
        word for words, split in zip(tokens, samples["split"], strict=True) if split == "train" for word in words
    )
    frequent = sorted(counts, key=lambda word: (-counts[word], word))[: config.vocabulary]
    vocabulary = ["<padding>", "<unknown>", *frequent]
    number_of = {word: number for number, word in enumerate(vocabulary)}
    length = max(len(words) for words in tokens)
    with rows_into(folder / "inputs.npy", np.int32, (length,), len(texts)) as rows:
        for number, words in enumerate(tokens):
            progress.update(number, len(tokens), "reading texts")
            row = np.zeros(length, dtype=np.int32)
            row[: len(words)] = [number_of.get(word, UNKNOWN) for word in words]
            rows.append(row)
    problems = text_notes(whole, len(counts), config)
    return Encoded(samples.assign(hash=sample_hashes(samples)), (length,), {"vocabulary": vocabulary}, problems)


def text_notes(tokens: list[list[str]], different: int, config: DataConfig) -> list[dict[str, Any]]:
    """Lines about texts that are cut and about words that are not told apart; ``different`` is the number of words in
    training."""
    long = sum(len(words) > config.max_tokens for words in tokens)
    told = []
    if long:
        longest = max(map(len, tokens))
        told.append(
            note(
                "texts",
                f"{long:,} of {len(tokens):,} are longer than {config.max_tokens:,} tokens (max_tokens) and cut; "
                f"the longest has {longest:,}",
            )
        )
    if different > config.vocabulary:
        told.append(
            note("words", f"only the {config.vocabulary:,} most frequent of {different:,} are told apart (vocabulary)")
        )
    return told


# --- tables


def encode_table(
    source: Source, samples: "pd.DataFrame", config: DataConfig, folder: Path, progress: Progress
) -> Encoded:
    """float32 (n, d) as ``table_matrix`` makes it. The hash covers the feature values and the group of a row, not its
    label."""
    matrix, columns, problems = table_matrix(samples, progress, source.path, config)
    np.save(folder / "inputs.npy", matrix, allow_pickle=False)
    found = samples.assign(hash=sample_hashes(samples))
    return Encoded(found, (matrix.shape[1],), {"columns": columns}, problems)


def sample_hashes(samples: "pd.DataFrame") -> list[str]:
    """The content hash of each text or table row as a reader gives it (``Source.samples``)."""
    if "text" in samples:
        return [content_hash(normalise(text).encode()) for text in samples["text"]]
    hashed = [name for name in samples.columns if name.startswith("col:") or name == "group"]
    return row_hashes(samples[hashed])


def table_matrix(
    samples: "pd.DataFrame", progress: Progress, path: Path, config: DataConfig
) -> tuple[np.ndarray, list[dict[str, Any]], list[dict[str, Any]]]:
    """The ``col:`` columns as float32 (n, d), one description per input, and what the user should know.

    Numbers are standardised with the training mean and standard deviation, words are one-hot: one input per category,
    at most ``MAX_CATEGORIES`` (the most frequent in training); the rarer ones share an ``other`` input (value None).
    Categories that training never saw count as other, or are all zero if training has no rare ones. Missing numbers are
    filled in by ``config.missing``, with an input that says where. Lumped, constant and lopsided columns are told.
    ``UserError`` for a column whose inputs would be beyond ``LARGEST``.
    """
    names = [name for name in samples.columns if name.startswith("col:")]
    training = (samples["split"] == "train").to_numpy()
    blocks: list[np.ndarray] = []
    columns: list[dict[str, Any]] = []
    problems: list[dict[str, Any]] = []
    for number, name in enumerate(names):
        progress.update(number, len(names), "encoding columns")
        numeric = samples[name].dtype.kind in "iuf"
        encoded = _numbers(samples, name, training, config.missing) if numeric else _words(samples[name], training)
        block, described, told = encoded
        problems += told
        blocks.append(block.astype(np.float32))
        columns += described
        check_memory(path, len(samples), len(columns), 0, config.max_gigabytes)
    return np.concatenate(blocks, axis=1), columns, together(problems)


Inputs = tuple[np.ndarray, list[dict[str, Any]], list[dict[str, Any]]]  # (n, k), their descriptions, what is said


def _numbers(samples: "pd.DataFrame", name: str, training: np.ndarray, rule: str) -> Inputs:
    """A column of numbers, and the input that says where one is missing."""
    found = filled(samples[name], training, rule)
    block, described = standardised(found.values, training, name[4:])
    described[0] |= {} if found.stands_in is None else {"missing": found.stands_in}
    what = _unfit(block[:, 0], samples[name], samples, training)
    where, more = indicator(found, training, name[4:])
    told = missing_values.said(found, name[4:], rule, bool(more))
    told += [note(f"column {name[4:]}", what)] if what else []
    return np.concatenate([block, where], axis=1), [*described, *more], told


def _words(values: "pd.Series", training: np.ndarray) -> Inputs:
    """A column of categories."""
    name = str(values.name)[4:]
    block, described, spellings = _one_hot(values, training, name)
    told = missing_values.said_of_words(values, name)
    what = (
        f"{spellings:,} spellings that differ by blanks, signs that cannot be seen or Unicode form alone are one "
        "category"
        if spellings
        else ""
    )
    if len(described) == 1:
        what = "has one value in all training rows, so it tells nothing"
    if described[-1]["value"] is None:
        rare = block[training, -1].mean()
        different = values[training].nunique()
        lumped = f"only the {MAX_CATEGORIES} most frequent are told apart, {rare:.0%} of the rows are lumped together"
        what = f"{what}{'; ' * bool(what)}{different:,} different values in training; {lumped}"
    return block, described, [*told, *([note(f"column {name}", what)] if what else [])]


def standardised(values: np.ndarray, training: np.ndarray, name: str) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """``(values - mean) / std`` of the rows ``training`` (n,) bool, float64 (n, 1), and its description; exact also
    where the mean is large.

    Everything is taken from a training value first (whole numbers with every digit) and then divided by the largest
    distance, so that neither a large mean nor a large spread costs digits. A column that does not change in training,
    beyond the rounding of its digits, is zero everywhere (``std`` 1).
    """
    reference = _middle(values[training])
    distance = _distance(values, reference)
    with np.errstate(over="ignore", invalid="ignore"):
        largest = np.abs(distance[training]).max(initial=0.0)
    if largest <= _rounding(values[training]):
        return np.zeros((len(values), 1)), [{"name": name, "kind": "number", "mean": float(reference), "std": 1.0}]
    if not np.isfinite(largest):
        raise _too_far(name, f"values from {values.min():g} to {values.max():g}, further apart than a number can say")
    part = distance / largest
    shift, scale = steady(part[training].mean()), steady(part[training].std())
    described = {
        "name": name,
        "kind": "number",
        "mean": float(reference) + shift * float(largest),
        "std": scale * float(largest),
    }
    return ((part - shift) / scale)[:, None], [described]


def _middle(values: np.ndarray) -> Any:
    """A value of the column near its middle (the lower median)."""
    return np.partition(values, (len(values) - 1) // 2)[(len(values) - 1) // 2]


def _distance(values: np.ndarray, reference: Any) -> np.ndarray:
    """``values - reference``, float64 (n,); whole numbers are subtracted as such, which keeps digits that float64 has
    no room for."""
    if values.dtype.kind in "iu":
        lowest, highest = int(values.min()), int(values.max())
        if highest - lowest < 2**62:
            return (values - reference if values.dtype.kind == "i" else _unsigned(values, reference)).astype(np.float64)
        return np.array([float(int(value) - int(reference)) for value in values])
    with np.errstate(over="ignore", invalid="ignore"):
        return values.astype(np.float64) - float(reference)


def _unsigned(values: np.ndarray, reference: Any) -> np.ndarray:
    lowest = values.min()
    return (values - lowest).astype(np.int64) - int(reference - lowest)


def _rounding(values: np.ndarray) -> float:
    """How far values may lie apart by rounding alone: a few units in the last digit; 0 for whole numbers, which are
    exact."""
    if values.dtype.kind != "f":
        return 0.0
    largest = float(np.abs(values).max(initial=0.0))
    if largest < 2**53 and (values == np.rint(values)).all():
        return 0.0
    return {8: 8, 4: 4}.get(values.dtype.itemsize, 1) * float(np.finfo(values.dtype).eps) * largest


def _unfit(block: np.ndarray, values: "pd.Series", samples: "pd.DataFrame", training: np.ndarray) -> str:
    """What is to be said of a standardised column (n,): constant, or one value that dwarfs the rest; ``UserError``
    beyond ``LARGEST``."""
    far = int(np.argmax(np.abs(block)))
    where = str(samples["source"].iloc[far])
    name = str(values.name)[4:]
    if not np.abs(block[far]) <= LARGEST:
        about = f"{values.iloc[far]} in {where}, {abs(block[far]):.0e} standard deviations from the training mean"
        raise _too_far(name, about)
    if not block[training].any():
        return "has one value in all training rows; its input is 0 everywhere"
    share = block[training] ** 2 / max(int(training.sum()), 1)
    worst = int(np.argmax(share))
    if share[worst] > 0.9 and training.sum() >= 20:
        row = np.flatnonzero(training)[worst]
        return (
            f"{samples['source'].iloc[row]} has {values.iloc[row]}, so far out that all other rows look the "
            "same beside it"
        )
    if abs(block[far]) > FAR:
        return f"{where} has {values.iloc[far]}, {abs(block[far]):,.0f} standard deviations from the training mean"
    return ""


def _too_far(name: str, about: str) -> UserError:
    return UserError(
        f"Column {name} has {about}.",
        "A model cannot compute with inputs of that size.",
        "Correct or remove the row, scale the column (its logarithm, for example), or leave it out: name the "
        "features with --features.",
    )


def _one_hot(values: "pd.Series", training: np.ndarray, name: str) -> tuple[np.ndarray, list[dict[str, Any]], int]:
    """(n, categories [+ 1 for other]), their descriptions, and how many spellings fell together with another one."""
    import pandas as pd

    forms = {word: tidy(str(word)) or str(word) or missing_values.NOTHING for word in values.unique()}
    codes, different = pd.factorize(values.map(forms))
    counts = Counter(
        {
            different[code]: int(count)
            for code, count in enumerate(np.bincount(codes[training], minlength=len(different)))
            if count
        }
    )
    ordered = sorted(counts, key=lambda word: (-counts[word], word))
    kept: list[str | None] = sorted(ordered[:MAX_CATEGORIES])
    if len(ordered) > MAX_CATEGORIES:
        kept.append(None)
    position = {word: number for number, word in enumerate(kept)}
    numbers = np.array([position.get(word, position.get(None, -1)) for word in different])[codes]
    block = (numbers[:, None] == np.arange(len(kept))[None, :]).astype(np.float32)
    return block, [{"name": name, "kind": "category", "value": word} for word in kept], len(forms) - len(different)
