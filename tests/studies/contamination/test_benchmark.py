"""Benchmarks in the forms that people have, and files that are none."""

import json

import pytest

from attribution.errors import UserError
from attribution.studies.contamination.benchmark import read_items

LINES = {
    "gsm": ({"question": "How many?", "answer": "Four."}, "How many?", "Four."),
    "humaneval": ({"task_id": "HumanEval/0", "prompt": "def f():", "canonical_solution": "pass"}, "def f():", "pass"),
    "mmlu": ({"question": "Which?", "choices": ["a", "b"], "answer": 1}, "Which?", "b"),
    "letters": ({"question": "Which?", "options": ["one", "two"], "answer": "B"}, "Which?", "two"),
    "arc": ({"question": "Which?", "choices": {"text": ["x", "y"]}, "answer": "A"}, "Which?", "x"),
    "squad": ({"question": "Where?", "answer": {"text": ["Here"]}}, "Where?", "Here"),
    "messages": (
        {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]},
        "Why?",
        "So.",
    ),
    "other": ({"statement": "It is so.", "proof": "Because.", "n": 3}, "It is so.\nBecause.", ""),
    "text": ("just a text", "just a text", ""),
}


def write(tmp_path, *lines, name="b.jsonl"):
    path = tmp_path / name
    path.write_text("\n".join(line if isinstance(line, str) and name != "x" else json.dumps(line) for line in lines))
    return path


@pytest.mark.parametrize("form", LINES)
def test_forms(form, tmp_path):
    line, question, answer = LINES[form]
    (item,) = read_items(write(tmp_path, json.dumps(line)))
    assert (item.question, item.answer, item.line) == (question, answer, 1)


def test_other_files_and_named_columns(tmp_path):
    table = tmp_path / "b.csv"
    table.write_text("q,a\nWhy?,So.\n")
    assert read_items(table, "q", "a")[0].answer == "So."
    whole = tmp_path / "b.json"
    whole.write_text(json.dumps({"examples": [{"question": "Why?", "answer": "So."}]}))
    assert read_items(whole)[0].question == "Why?"
    with pytest.raises(UserError, match="no column 'z'"):
        read_items(table, "z")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "no items"),
        ('{"question": "a"}\n{oops', "Line 2"),
        ("[1, 2]", "no object"),
        ("[" * 100_000, "Line 1"),
        ('{"n": 3}', "has text"),
        ('{"question": ""}', "has text"),
    ],
)
def test_what_is_no_benchmark_is_refused_by_line(text, word, tmp_path):
    with pytest.raises(UserError, match=word):
        read_items(write(tmp_path, text))
    with pytest.raises(UserError, match="no file"):
        read_items(tmp_path / "nowhere.jsonl")


def test_half_letters_and_long_lines(tmp_path, monkeypatch):
    (item,) = read_items(write(tmp_path, '{"question": "\\ud800 why"}'))
    assert "why" in item.question
    import attribution.studies.contamination.benchmark as module

    monkeypatch.setattr(module, "LINE", 20)
    with pytest.raises(UserError, match="longer than"):
        read_items(write(tmp_path, '{"question": "' + "a" * 50 + '"}'))
    monkeypatch.setattr(module, "MOST_ITEMS", 2)
    with pytest.raises(UserError, match="more than 2 lines"):
        read_items(write(tmp_path, *['{"text": "a"}'] * 4))
