"""BM25 against its formula written out word by word."""

import math

import numpy as np
import pytest

from attribution.statistics.okapi import Okapi, words_of

DOCUMENTS = [
    "The capital of France is Paris.",
    "Paris, Paris, Paris! The city of light.",
    "France borders Spain.",
    "",
    "Ünïcode wörds, too: Čapek wrote of robots",
]


def by_hand(query: str, documents: list[str], k1: float = 1.2, b: float = 0.75) -> np.ndarray:
    split = [words_of(text) for text in documents]
    mean = sum(map(len, split)) / len(split)
    scores = []
    for words in split:
        total = 0.0
        for word in words_of(query):
            with_it = sum(word in other for other in split)
            idf = math.log(1 + (len(split) - with_it + 0.5) / (with_it + 0.5))
            f = words.count(word)
            total += idf * f * (k1 + 1) / (f + k1 * (1 - b + b * len(words) / mean))
        scores.append(total)
    return np.array(scores)


@pytest.mark.parametrize("query", ["capital of France", "paris paris", "čapek's WÖRDS", "nothing known", ""])
def test_scores_are_those_of_the_formula(query):
    np.testing.assert_allclose(Okapi(DOCUMENTS).scores(query), by_hand(query, DOCUMENTS), rtol=1e-12)


def test_rare_words_count_more_and_repeats_less_and_less():
    index = Okapi(DOCUMENTS)
    assert index.idf("spain") > index.idf("france") > 0
    once, thrice = Okapi(["paris is far", "paris paris paris", "else"]).scores("paris")[:2]
    assert once < thrice < 3 * once


def test_no_documents_and_empty_ones_score_nothing():
    assert len(Okapi([]).scores("a")) == 0
    assert Okapi(["", ""]).scores("a").tolist() == [0, 0]
