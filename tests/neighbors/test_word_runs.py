"""Runs of words: near texts are found whatever their order, and only those that are near."""

import numpy as np
import pytest

from attribution.neighbors.word_runs import jaccard, near_pairs, normal, runs_of, word_hashes, words_of

WORDS = [f"w{number}" for number in range(500)]


def texts(n, seed=0, length=40):
    chance = np.random.default_rng(seed)
    return [" ".join(chance.choice(WORDS, length)) for _ in range(n)]


def triples(text):
    words = words_of(text)
    return {tuple(words[at : at + 3]) for at in range(max(1, len(words) - 2))}


def test_near_pairs_are_those_of_brute_force():
    drawn = texts(60)
    changed = [" ".join([*text.split()[:-1], "other"]) for text in drawn[:20]]
    all_ = drawn + changed
    sets = [triples(text) for text in all_]
    wanted = {
        (a, b): len(sets[a] & sets[b]) / len(sets[a] | sets[b])
        for a in range(len(all_))
        for b in range(a + 1, len(all_))
        if len(sets[a] & sets[b]) >= 0.7 * len(sets[a] | sets[b])
    }
    left, right, alike = near_pairs(runs_of(all_, 3), 0.7)
    assert dict(zip(zip(left.tolist(), right.tolist(), strict=True), alike.tolist(), strict=True)) == pytest.approx(
        wanted
    )
    assert len(wanted) == 20


def test_similarity_does_not_depend_on_blocks(monkeypatch):
    import attribution.neighbors.word_runs as module

    all_ = texts(30) + texts(30)
    whole = near_pairs(runs_of(all_, 3), 0.5)
    monkeypatch.setattr(module, "BLOCK", 64)
    for one, other in zip(whole, near_pairs(runs_of(all_, 3), 0.5), strict=True):
        np.testing.assert_array_equal(one, other)


def test_short_empty_and_odd_texts():
    runs = runs_of(["", "one", "one two", "a b c d", "\ud800 x", "日本語です"], 3)
    assert runs.counts.tolist() == [0, 1, 1, 2, 1, 3]
    left, _, _ = near_pairs(runs_of(["", "", "!"], 3), 0.5)
    assert len(left) == 0  # nothing is no repeat of nothing
    assert near_pairs(runs_of([], 3), 0.5)[0].size == 0
    assert jaccard(runs.distinct(), np.array([1]), np.array([2])).tolist() == [0.0]


def test_case_and_marks_are_no_words():
    assert normal("Hello,  World!") == normal("hello world")
    assert (word_hashes("Hello, World") == word_hashes("hello world")).all()
    assert normal("!?") == "!?"


def test_thousands_that_are_alike_make_no_square():
    left, _, _ = near_pairs(runs_of(["the very same words again"] * 3000, 3), 0.9)
    assert len(left) < 3 * 3000
