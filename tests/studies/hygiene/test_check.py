"""Every kind of fault is found in the row that has it, and in no other."""

import numpy as np
import pytest

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.studies.hygiene.check import check, untrained
from attribution.studies.hygiene.faults import cut, order_fault
from attribution.studies.hygiene.finding import KINDS
from attribution.studies.hygiene.language import read

END = " It is the one that you can see from the top of the hill."


def chat(*turns):
    return Conversation.of(turns)


def pair(question, answer):
    return chat(("user", question), ("assistant", answer))


def look(conversations, splits=None, near=0.7, languages=()):
    texts = [one.plain for one in conversations]
    return check(texts, conversations.__getitem__, splits or ["train"] * len(texts), tuple(KINDS), near, languages)


def kinds(conversations, **how):
    return {(one.row, one.kind) for one in look(conversations, **how)}


CLEAN = [
    pair(f"What is number {n} of the {n * n}?", f"That is {n * 7}, which is what you can read here.") for n in range(5)
]


def test_clean_rows_have_no_finding():
    assert look(CLEAN) == []


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        (pair("Why?", ""), "empty"),
        (pair("Why?", "..."), "empty"),
        (pair("Why?", "N/A"), "empty"),
        (pair("Why?", "Because this is what we have in the"), "cut"),
        (pair("Why?", "Here is the code:\n```python\nprint(1)"), "cut"),
        (pair("Why?", "I am done.<|im_end|>"), "token"),
        (pair("[INST] Why? [/INST]", "I am done."), "token"),
        (pair("Why?", "I am done.</s>"), "token"),
        (pair("Why?", "I am done.\nUser: and then?"), "template"),
        (chat(("user", "Why?")), "template"),
        (chat(("assistant", "I am here."), ("user", "Why?"), ("assistant", "Because.")), "template"),
        (chat(("user", "Why?"), ("user", "Well?"), ("assistant", "Because.")), "template"),
        (chat(("user", "Why?"), ("assistant", "Because."), ("system", "Be brief.")), "template"),
        (chat(("narrator", "Why?"), ("assistant", "Because.")), "template"),
        (pair("Why?", "Write to jane.doe@acme.io then."), "personal"),
        (pair("Why?", "Das ist die Antwort, die ich dir auf die Frage nicht geben kann."), "language"),
        (pair("Why?", "Меня зовут Иван, я живу в Москве."), "language"),
    ],
)
def test_each_fault_is_found_in_its_row_alone(bad, kind):
    assert kinds([*CLEAN, bad]) == {(len(CLEAN), kind)}


def test_markup_of_pages_and_code_is_no_special_token():
    fine = "Write <s>struck</s> text, a <b>bold</b> one, x < |y| > z and list[INSTANCE], as you can see here."
    assert kinds([*CLEAN, pair("Why?", fine)]) == set()


def test_repeats_across_splits_keep_the_held_out_one():
    rows = [*CLEAN, CLEAN[0]]
    (one,) = look(rows, ["train"] * 5 + ["test"])
    assert (one.row, one.other, one.kind, one.severity) == (0, 5, "repeat", "high")
    assert "test split" in one.sentence


def test_near_repeats_name_the_row_that_stays():
    long = pair("Where is the house of the old man?", "The house of the old man is on the hill." + END)
    other = pair("where is the house of the old man", "The house of the old man is on the hill." + END)
    changed = pair(
        "Where is the house of the old man?", "The house of the old man is on the hill." + END[:-5] + "street."
    )
    found = {one.row: one for one in look([long, other, changed]) if one.kind == "near"}
    assert {row: one.other for row, one in found.items()} == {1: 0, 2: 0}
    assert found[1].severity == "high"
    assert found[2].severity == "medium"
    assert "case" in found[1].sentence


def test_a_chain_of_small_steps_drops_nothing_that_differs():
    words = [f"w{n}" for n in range(60)]
    chain = [" ".join([*(f"x{n}" for n in range(step)), *words[step:]]) for step in range(0, 40, 4)]
    for one in look([pair("Why?", text) for text in chain], near=0.6):
        if one.kind == "near":
            a, b = (
                set(zip(*(chain[row].split()[at:] for at in range(3)), strict=False)) for row in (one.row, one.other)
            )
            assert len(a & b) >= 0.5 * len(a | b)


def test_conflicting_answers_are_told_to_each_row():
    rows = [pair("Capital of France?", "It is Paris."), pair("capital of france", "It is Lyon."), *CLEAN]
    found = [one for one in look(rows) if one.kind == "conflict"]
    assert [one.row for one in found] == [0, 1]
    assert '"It is Lyon."' in found[0].sentence
    assert found[0].action == "keep one"
    same = [pair("Capital of France?", "It is Paris."), pair("Capital of France?", "it is paris")]
    assert not [one for one in look(same) if one.kind == "conflict"]


def test_expected_languages_are_the_users_word():
    german = pair("Warum?", "Das ist die Antwort, die ich dir auf die Frage nicht geben kann.")
    assert kinds([*CLEAN, german], languages=("English", "German")) == set()
    assert (0, "language") in kinds([*CLEAN, german], languages=("German",))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("The answer to that is in the book which you have on your table.", "English"),
        ("La réponse est dans le livre qui se trouve sur la table de la maison.", "French"),
        ("La respuesta está en el libro que tienes sobre la mesa de tu casa.", "Spanish"),
        ("私は東京に住んでいます。とても楽しいです。", "Japanese"),
        ("我住在北京,这里的天气非常好。", "Chinese"),
        ("저는 서울에 살고 있습니다.", "Korean"),
    ],
)
def test_languages_of_sentences(text, name):
    assert read(text).name == name


@pytest.mark.parametrize(
    "text", ["", "42", "Paris", "```python\nfor x in the_list: print(x)\n```", "Alpha Beta Gamma Delta"]
)
def test_short_texts_and_code_are_in_no_language(text):
    assert read(text) is None


def test_rows_without_trained_tokens_and_cut_ones():
    found = {one.row: one for one in untrained(np.array([3, 0, 0, 5]), np.array([0, 0, 9, 2]))}
    assert {row: one.kind for row, one in found.items()} == {1: "masked", 2: "masked", 3: "truncated"}
    assert "9 tokens" in found[2].sentence


def test_texts_without_speakers_have_no_order():
    assert order_fault((Turn("text", "Once upon a time", True),)) == ""
    assert order_fault(()) != ""
    assert cut("A full sentence stands here.") == ""


def test_half_letters_and_huge_turns_end():
    odd = pair("\ud800 what", "User:\n" * 20_000 + "[INST" * 20_000)
    huge = pair("a " * 100_000, "```" * 33_333 + "<|" * 50_000)
    assert {row for row, _ in kinds([odd, huge])} == {0, 1}
