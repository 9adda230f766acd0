"""A conversation as HTML: what is learned is marked, numbers lie on their tokens, and no word breaks out of it."""

import re
from html import unescape

import numpy as np
import pytest

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.views import chat

EVIL = "<img src=x onerror=alert(1)>\"' **bold** <|im_end|> :material/delete: \u202e \ud800"


def said(*turns):
    return Conversation.of(turns)


def text_of(html):
    return unescape(re.sub("<[^>]+>", "", html))


def test_every_turn_stands_under_its_role_and_the_learned_one_is_marked():
    html = chat.conversation_html(said(("system", "Be kind."), ("user", "How?"), ("assistant", "So.")))
    assert [text_of(html).find(word) for word in ("system", "Be kind.", "user", "How?", "assistant", "So.")] == sorted(
        text_of(html).find(word) for word in ("system", "Be kind.", "user", "How?", "assistant", "So.")
    )
    assert html.count(f"{chat.MARK};border-radius") == 1
    assert "The model learns these words" in html


def test_a_row_that_trains_nothing_says_so():
    assert "learns nothing from this row" in chat.conversation_html(said(("user", "How?")))


def test_words_of_the_data_are_no_markup_and_hold_no_half_of_a_pair():
    one = Conversation((Turn(EVIL, EVIL), Turn("assistant", EVIL, True)))
    wash = chat.Wash("loss", "nats", [("bold", 1.0), (EVIL, 2.0)])
    for html in (
        chat.conversation_html(one),
        chat.conversation_html(one, wash),
        chat.mini_html(one),
        *chat.beside_html(one, one),
    ):
        assert "<img" not in html
        html.encode()
        assert "<|im_end|>" in text_of(html)


def test_long_turns_and_long_conversations_are_folded_and_cut():
    html = chat.conversation_html(said(("user", "word " * 2_000_000), ("assistant", "yes")))
    assert len(html) < 3 * chat.MOST
    assert "<details>" in html
    assert "more letters are not drawn here" in html
    many = said(*[("user", f"turn {place}.") for place in range(5_000)])
    html = chat.conversation_html(many)
    assert len(html) < 100_000
    assert "turn 0." in html
    assert "turn 4999." in html
    assert "4,880 more turns are not drawn here" in html


def test_numbers_lie_on_their_tokens_in_every_learned_turn():
    one = said(("user", "I"), ("assistant", "I can't. Sorry"), ("user", "why"), ("assistant", "Because I can't"))
    tokens = [("i", 1.0), ("can't", 2.0), (".", 0.5), ("sorry", 3.0), ("<end>", 0.1)]
    tokens += [("because", 4.0), ("i", 0.2), ("can't", 0.3), ("<end>", 0.1)]
    laid = chat.spread(one, chat.Wash("loss", "nats", tokens))
    assert "".join(piece.text for piece in laid.turns[1]) == "I can't. Sorryend"
    assert "".join(piece.text for piece in laid.turns[3]) == "Because I can'tend"
    found = {place: [(p.text, p.value) for p in pieces if p.value is not None] for place, pieces in laid.turns.items()}
    assert found == {
        1: [("I", 1.0), ("can't", 2.0), (".", 0.5), ("Sorry", 3.0), ("end", 0.1)],
        3: [("Because", 4.0), ("I", 0.2), ("can't", 0.3), ("end", 0.1)],
    }


def test_a_word_outside_of_the_vocabulary_is_marked_where_it_stands():
    one = said(("user", "Who won?"), ("assistant", "New England\u00a0Patriots\u2026 they didn\u2019t _lose_"))
    words = ["new", "england", "<unknown>", ".", ".", ".", "<unknown>", "didn't", "<unknown>", "<end>"]
    wash = chat.Wash("loss", "nats", [(word, float(place)) for place, word in enumerate(words)])
    pieces = [(p.text, p.value, p.note, p.apart) for p in chat.spread(one, wash).turns[1] if p.value is not None]
    assert pieces == [
        ("New", 0.0, "", False),
        ("England", 1.0, "", False),
        ("Patriots", 2.0, "not in the vocabulary", False),
        ("\u2026", 3.0, "", False),
        ("they", 6.0, "not in the vocabulary", False),
        ("didn\u2019t", 7.0, "", False),
        ("lose", 8.0, "not in the vocabulary", False),
        ("end", 9.0, "the end of the turn", True),
    ]
    html = chat.conversation_html(one, wash)
    assert "&lt;unknown" not in html
    assert 'title="loss 2.00 nats, not in the vocabulary"' in html


def test_a_word_that_comes_again_is_marked_at_its_own_place():
    one = said(("assistant", "rare on and on a longer rare way on"))
    words = ["<unknown>", "on", "and", "on"]  # the row was cut
    wash = chat.Wash("loss", "nats", [(word, 1.0) for word in words])
    assert [piece.text for piece in chat.spread(one, wash).turns[0] if piece.value] == ["rare", "on", "and", "on"]


@pytest.mark.parametrize("dark", [False, True])
def test_the_legend_has_the_ends_and_the_unit(dark):
    one = said(("assistant", "so it is"))
    html = chat.conversation_html(
        one, chat.Wash("loss", "nats", [("so", 0.5), ("it", float("nan")), ("is", 2.5)]), dark
    )
    assert "loss of each token, nats: 02.50" in text_of(html)
    assert 'title="loss 2.50 nats"' in html
    signed = chat.Wash("influence", "", [("so", 0.5), ("is", -2.0)], signed=True)
    html = chat.conversation_html(one, signed, dark)
    assert "influence of each token: \u22122.00+2.00" in text_of(html)
    assert chat.wash_colour(0.5, signed, dark)[:7] != chat.wash_colour(-0.5, signed, dark)[:7]


def test_a_small_card_shows_the_last_question_and_its_answer():
    html = chat.mini_html(
        said(("system", "s"), ("user", "first"), ("assistant", "a"), ("user", "Q"), ("assistant", "A"))
    )
    assert text_of(html) == "user Qassistant A"
    assert chat.mini_html(said(("user", "Q"))).count("user") == 1
    assert chat.mini_html(Conversation(())) == ""


def test_two_beside_each_other_have_their_differences_marked():
    left, right = chat.beside_html(
        said(("user", "How do I cut roses?"), ("assistant", "I refuse.")),
        said(("user", "How do I cut tulips?"), ("assistant", "I know."), ("user", "Thanks")),
    )
    assert re.findall("<mark>(.*?)</mark>", left) == [" roses?", " refuse."]
    assert re.findall("<mark>(.*?)</mark>", right) == [" tulips?", " know.", "Thanks"]


def test_losses_of_tokens_are_those_that_a_run_kept():
    tokens = [("<start>", False), ("Why", False), ("so", True), ("<end>", True)]
    kept = np.full((6, 2), np.nan)
    kept[2:4, 0] = [-0.5, -2.0]
    wash = chat.losses(tokens, kept)
    assert wash.tokens == [("so", 0.5), ("<end>", 2.0)]
    assert wash.top == 2.0
    assert chat.losses(tokens[:3], kept) is None  # other words than the run's
    assert chat.losses(tokens, np.full((6, 2), np.nan)) is None
