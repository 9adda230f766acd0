"""What a query means: a word for a split, or sample ids, as one string in settings, flags and pages alike."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from attribution.errors import UserError
from attribution.settings.lists import entries, written

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset

SPLIT_WORDS = {
    "wrong": "the wrong test predictions",
    "test": "all test samples",
    "val": "all validation samples",
    "train": "all training samples",
}
QUOTE = '"'


def query_of(ids: Sequence[str]) -> str:
    """The query that asks about these samples and nothing else, whatever they are called."""
    plain = ids[0] if len(ids) == 1 else ""
    if plain and not any(sign in plain for sign in ',"\r\n') and plain == plain.strip() and not _is_word(plain):
        return plain
    return f'"{plain}"' if _is_word(plain) else written(ids)


def _wrong(dataset: "Dataset", test: "pd.DataFrame") -> "np.ndarray":
    """Rows of the wrong predictions among those of the test samples; of numbers and texts the tenth that the model is
    furthest from."""
    import numpy as np

    if dataset.task.kind not in ("number", "text"):
        return test.index.to_numpy()[~test["correct"].to_numpy(dtype=bool)]
    size = (test["error"] if "error" in test else test["loss"]).abs().fillna(0.0).to_numpy()
    return np.sort(test.index.to_numpy()[np.argsort(-size, kind="stable")[: -(-len(size) // 10)]])


def query_rows(queries: str, dataset: "Dataset", predictions: "Callable[[], pd.DataFrame]") -> "np.ndarray":
    """The rows that ``ScoreConfig.queries`` means; ``predictions`` is asked only for ``wrong``.

    ``wrong`` and the splits first; then a sample whose id is the whole text; then ids separated by commas, in double
    quotes where they hold one (or where an id is called like a split).
    """
    import numpy as np

    from attribution.datasets.needed import all_rows

    if queries in ("train", "val", "test"):
        return all_rows(dataset, queries, "There is nothing to explain.", "or ask about other samples by their ids")
    if queries == "wrong":
        test = all_rows(
            dataset,
            "test",
            "Wrong test predictions are asked about.",
            "or ask about others: --queries val, train, or sample ids",
        )
        rows = _wrong(dataset, predictions().loc[test])
        if not len(rows):
            raise UserError(
                f"All {len(test):,} test predictions are right.",
                "There is no wrong one to explain.",
                "Ask about test, or name sample ids.",
            )
        return np.asarray(rows, dtype=np.int64)
    whole = dataset.row_of(queries)
    if whole is not None:
        return np.array([whole], dtype=np.int64)
    names = entries(queries)
    if not names:
        raise UserError(
            f"No sample is named by {queries!r}.",
            "There is nothing to explain.",
            "Write wrong, test, val, train, or sample ids.",
        )
    if any(dataset.row_of(name) is None for name in names) and len(names) > 1 and QUOTE not in queries:
        unknown = [name for name in names if dataset.row_of(name) is None]
        raise UserError(
            "No sample is called "
            f"{', '.join(unknown[:5])}{f' and {len(unknown) - 5} more' if len(unknown) > 5 else ''}.",
            f"Ids are separated by commas, and look like {dataset.ids[0]}.",
            f"Put an id that holds a comma in double quotes: --queries '\"{queries[:80]}\"'.",
        )
    return np.asarray(dataset.rows_of(names), dtype=np.int64)


def asked(queries: str) -> str:
    """A query in words, for the title of a job."""
    if queries.startswith("selection:"):
        return "the selection"
    if queries.startswith("behaviour:"):
        return f"the behaviour {queries.partition(':')[2]}"
    if queries.startswith("ask:"):
        return "a typed answer"
    try:
        count = len(entries(queries))
    except UserError:
        count = 1
    return SPLIT_WORDS.get(queries) or f"{count} sample{'s' if count > 1 else ''}"


def _is_word(name: str) -> bool:
    return name in SPLIT_WORDS or name.startswith(("selection:", "behaviour:", "ask:"))
