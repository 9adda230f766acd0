"""What each annotator of a data set said, read from the columns that are kept beside it."""

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.annotators import quality
from attribution.datasets.labels import label_words
from attribution.datasets.roles import LONG
from attribution.datasets.words import tidy
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels


def names_of(dataset: "Dataset") -> list[str]:
    """The columns of the annotators, [] where none are named."""
    return list(dataset.info.preprocessing.get("annotators") or [])


def called(column: str) -> str:
    """An annotator's name: the column's, or that in it."""
    return column.partition(LONG)[2] or column


def words_of(dataset: "Dataset", column: str) -> np.ndarray:
    """What one annotator said of each sample (n,) object, "" where nothing."""
    words, _, _ = label_words(dataset.own(column))
    forms = {word: tidy(word) for word in set(words.tolist())}
    return np.array([forms[word] for word in words], dtype=object)


def quality_of(dataset: "Dataset", labels: "Labels") -> "pd.DataFrame":
    """``annotators.quality`` against these labels."""
    names = names_of(dataset)
    if not names:
        raise UserError(
            f"{dataset.info.name} has no annotators.",
            "Each label came from one place.",
            "Name their columns in a new project: --annotators anna,ben.",
        )
    now = np.array(dataset.task.targets.words(labels.values), dtype=object)
    return quality({called(name): words_of(dataset, name) for name in names}, now)


def said_of(dataset: "Dataset", row: int) -> str:
    """What they said of one sample, the most frequent first: "cat 2, dog 1"; "" where none is known."""
    said = [label_words(dataset.own(name).iloc[[row]])[0][0] for name in names_of(dataset)]
    votes = Counter(tidy(word) for word in said if word).most_common()
    return ", ".join(f"{word} {count}" for word, count in votes)
