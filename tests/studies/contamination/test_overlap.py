"""Words in common: found wherever they stand, common text set apart, spans as brute force has them."""

import numpy as np
import pytest

from attribution.neighbors.word_runs import words_of
from attribution.studies.contamination.overlap import COMMON_ROWS, Index, longest_span, shared

WORDS = [f"w{number}" for number in range(400)]


def text(seed, length=40):
    return " ".join(np.random.default_rng(seed).choice(WORDS, length))


def brute_span(one, other):
    first, second = words_of(one), words_of(other)
    best = 0
    for a in range(len(first)):
        for b in range(len(second)):
            n = 0
            while a + n < len(first) and b + n < len(second) and first[a + n] == second[b + n]:
                n += 1
            best = max(best, n)
    return best


@pytest.mark.parametrize("kept", [0, 3, 7, 13, 14, 16, 17, 31, 40])
def test_the_longest_span_is_that_of_brute_force(kept):
    item = text(1)
    row = f"{text(2, 20)} {' '.join(item.split()[:kept])}. {text(3, 20)}"
    found = longest_span(item, row)
    assert found.words == brute_span(item, row)
    assert words_of(found.text) == words_of(item)[: found.words] or found.words < 3
    assert found.long_runs == max(0, found.words - 12)


def test_spans_of_short_and_empty_texts():
    assert longest_span("", "a b").words == 0
    assert longest_span("one", "one").words == 1
    assert longest_span("Hello, World", "say hello world").text == "hello world"
    assert longest_span("a", "b").text == ""


def test_shares_of_question_and_answer():
    question, answer = text(1, 20), text(2, 20)
    rows = [f"{question}\n{answer}", question, answer, text(9)]
    found = shared(Index.of([question], [answer]), rows)
    assert found.row.tolist() == [0, 1, 2]
    assert found.part[0] == 1.0
    np.testing.assert_allclose(found.question, [1, 1, 0])
    assert found.answer[0] == 1.0
    assert 0 < found.answer[2] < 1  # the runs over the border are the answer's
    assert found.part[1] == pytest.approx(13 / 33)


def test_what_many_rows_say_is_common_text():
    quote = text(5, 12)
    items = [f"{text(10 + n, 30)} {quote}" for n in range(2)]
    rows = [f"{text(50 + n, 30)} {quote}" for n in range(COMMON_ROWS)] + [items[0]]
    found = shared(Index.of(items, ["", ""]), rows)
    own = {(item, row): part for item, row, part in zip(found.item, found.row, found.part, strict=True)}
    assert own[0, COMMON_ROWS] == 1.0
    assert all(part == 0 for (item, row), part in own.items() if row < COMMON_ROWS)
    assert (found.common > 0).all()


def test_copies_of_an_item_do_not_make_it_common():
    item = text(1, 30)
    found = shared(Index.of([item], [""]), [item] * 12)
    assert (found.part == 1).all()
    assert (found.common == 0).all()


def test_short_items_and_nothing_have_no_runs():
    assert len(shared(Index.of(["a b c"], ["d"]), ["a b c d"]).item) == 0
    assert len(shared(Index.of([], []), ["a b c d e f g h"]).item) == 0


def test_blocks_of_rows_change_nothing(monkeypatch):
    import attribution.studies.contamination.overlap as module

    items = [text(n, 30) for n in range(5)]
    rows = [f"{text(100 + n, 20)} {' '.join(items[n % 5].split()[: 5 + n])}" for n in range(20)]
    whole = shared(Index.of(items, [""] * 5), rows)
    monkeypatch.setattr(module, "ROWS", 3)
    other = shared(Index.of(items, [""] * 5), rows)
    for name in type(whole).__dataclass_fields__:
        np.testing.assert_array_equal(getattr(whole, name), getattr(other, name))
