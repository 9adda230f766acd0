"""The sample card's HTML: what it says, and that the user's data cannot break out of it."""

from attribution.views import cards


def card(**values):
    return cards.Card(
        **{"row": 1, "id": "train-1", "label": "coat", "label_colour": "#000000", "alt": "a picture", **values}
    )


def test_everything_of_the_users_is_escaped():
    evil = '<img src=x onerror=alert(1)>"'
    html = cards.card_html(
        card(id=evil, label=evil, was=evil, prediction=evil, text=evil, alt=evil, picture="data:image/png;base64,AA")
    )
    assert "<img src=x" not in html
    assert html.count("<img ") == 1


def test_an_edited_label_is_struck_through():
    html = cards.card_html(card(was="shirt"))
    assert "<s" in html
    assert "relabelled" in html
    assert "dropped" in cards.card_html(card(dropped=True))
    assert "kept" in cards.card_html(card(reviewed=True))


def test_a_picture_has_its_alternative_text():
    html = cards.picture_html("data:image/png;base64,AA", 'a "grey" coat', 64)
    assert 'alt="a &quot;grey&quot; coat"' in html


def test_the_models_word_is_put_plainly():
    assert "model agrees (90.0" in cards.card_html(card(prediction="coat", says="model agrees", confidence=0.9))
    assert "&lt;b&gt;" in cards.card_html(card(prediction="b", says="model says <b>"))


def test_suspicion_is_a_bar_with_words_for_screen_readers():
    html = cards.card_html(card(suspicion=0.5))
    assert 'aria-label="suspicion 0.50 of 1"' in html
    assert "suspicion" not in cards.card_html(card())


def test_parts_can_be_left_out():
    whole = card(picture="data:image/png;base64,AA", prediction="shirt", confidence=0.5)
    assert "<img" not in cards.card_html(cards.without_picture(whole))
    assert "model" not in cards.card_html(cards.without_prediction(whole))


def test_a_tile_is_the_picture_or_the_text_above_the_label():
    assert "<img" in cards.tile_html(card(picture="data:image/png;base64,AA", text="unseen"))
    assert "a &lt;text&gt;" in cards.tile_html(card(text="a <text>"))
