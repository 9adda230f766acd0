"""Chats written back: the same schema and order, untouched lines to the letter, and the same rows when read again."""

import json
from pathlib import Path

import chats
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution import UserError
from attribution.datasets.chat.conversation import TURNS
from attribution.datasets.chat.rewriting import answered, fields_of, merged
from attribution.datasets.chat.schemas import read
from attribution.datasets.load import import_data
from attribution.exporters.base import usual
from attribution.settings.configs import DataConfig


def turns(role, content, a, b):
    user, model = ("human", "gpt") if role == "from" else ("user", "assistant")
    return [{role: user, content: chats.question(a, b)}, {role: model, content: f"It is {a + b} ."}]


MAKE = {
    "messages": chats.messages,
    "sharegpt": lambda a, b: {"id": f"{a}+{b}", "conversations": turns("from", "value", a, b), "ok": True},
    "prompt_completion": lambda a, b: {"prompt": chats.question(a, b), "n": a, "completion": f"It is {a + b} ."},
    "alpaca": lambda a, b: {"instruction": "Add.", "input": f"{a} and {b}", "output": f"It is {a + b} .", "by": None},
    "text": lambda a, b: {"text": f"{a} plus {b} is {a + b} .", "lang": "é"},
    "tokens": lambda a, b: {"input_ids": [a, b, a + b], "labels": [-100, -100, a + b], "from": {"page": a}},
}


@pytest.mark.parametrize("schema", MAKE)
def test_rows_come_back_in_their_schema_with_drops_and_rewritten_answers(schema, tmp_path):
    records = chats.rows(MAKE[schema])
    project = chats.project(tmp_path, records)
    assert project.info.preprocessing["schema"] == schema
    before = (tmp_path / "chat.jsonl").read_bytes().splitlines(keepends=True)
    number = [int(str(name).removeprefix("line ")) - 1 for name in project.dataset.column("source")]
    project.drop([0, 7])
    to = {"input_ids": [1, 2, 3], "labels": [-100, -100, 9]} if schema == "tokens" else "A secret ."
    project.rewrite(3, to)
    out = project.export("chat", tmp_path / "out.jsonl")
    after = out.read_bytes().splitlines(keepends=True)
    left = [line for place, line in enumerate(before) if place not in (number[0], number[7])]
    assert len(after) == len(left)
    different = [place for place, (old, new) in enumerate(zip(left, after, strict=True)) if old != new]
    assert [left[place] for place in different] == [before[number[3]]]
    old, new = json.loads(left[different[0]]), json.loads(after[different[0]])
    assert list(old) == list(new)
    same = [name for name in old if old[name] == new[name]]
    assert set(old) - set(same) <= set(read(old, schema).used)
    again = import_data(DataConfig(path=str(out), task="causal-lm"), tmp_path / "again", "again")
    assert len(again) == len(project.dataset) - 2
    now = project.dataset.as_of(project.labels)
    wanted = sorted(now.column(TURNS)[row] for row in range(len(now)) if row not in (0, 7))
    assert sorted(again.column(TURNS)) == wanted


@pytest.mark.parametrize("suffix", [".json", ".parquet"])
@pytest.mark.parametrize("schema", MAKE)
def test_the_other_formats_hold_the_same_rows(schema, suffix, tmp_path):
    records = chats.rows(MAKE[schema])
    project = chats.project(tmp_path, records)
    out = project.export("chat", tmp_path / f"out{suffix}")
    again = import_data(DataConfig(path=str(out), task="causal-lm"), tmp_path / "again", "again")
    assert sorted(again.column(TURNS)) == sorted(project.dataset.column(TURNS))
    if suffix == ".json":
        assert json.loads(out.read_text()) == records


def test_it_is_the_usual_export_and_what_is_written_can_be_chosen(tmp_path):
    project = chats.project(tmp_path)
    assert usual(project) == ("chat", ".jsonl")
    project.drop([0])
    whole = project.export("chat", tmp_path / "whole.jsonl", dropped_too=True)
    assert whole.read_bytes() == (tmp_path / "chat.jsonl").read_bytes()
    test = project.export("chat", tmp_path / "test.jsonl", split="test").read_text().splitlines()
    assert len(test) == project.info.counts["test"]
    project.drop(project.dataset.rows("all").tolist())
    with pytest.raises(UserError, match="No row is left"):
        project.export("chat", tmp_path / "nothing.jsonl")
    assert not Path(tmp_path / "nothing.jsonl").exists()


def test_other_data_have_no_chats(bare_project, tmp_path):
    with pytest.raises(UserError, match="no conversations"):
        bare_project.export("chat", tmp_path / "out.jsonl")


def test_lines_keep_their_own_spelling(tmp_path):
    """Spacing, escapes, numbers and the order of keys of lines that nobody rewrote are as they stood."""
    lines = [
        '{"prompt":"a","completion":"b","x":1.50}',
        '{ "completion" : "\\u00e9", "prompt" : "é" , "x": 1e3 }',
        '{"prompt": "c", "completion": "d", "x": 12345678901234567890, "y": [{"z": null}]}',
        '{"prompt": "\\ud83d\\ude00 \\ud800", "completion": "e"}',
    ] * 4
    path = tmp_path / "chat.jsonl"
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8", newline="")
    data = DataConfig(path=str(path), val_fraction=0.0)
    from attribution import ModelConfig, Project

    project = Project.create("chat", data, ModelConfig("gpt", width=16), chats.RECIPE)
    out = project.export("chat", tmp_path / "out.jsonl")
    assert out.read_text(encoding="utf-8").splitlines() == lines


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
other = st.dictionaries(st.text("abcxyz", min_size=1), st.none() | st.integers() | words | st.lists(words), max_size=3)


@pytest.mark.parametrize("schema", [name for name in MAKE if name != "tokens"])
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=words, beside=other)
def test_an_answer_put_in_is_read_again_and_nothing_else_changes(schema, text, beside):
    record = {**beside, **MAKE[schema](1, 2), "last": beside}
    found = merged(record, schema, answered(record, schema, text))
    assert list(found) == list(record)
    assert read(found, schema).conversation.answer == text
    assert read(found, schema).conversation.question == read(record, schema).conversation.question
    used = read(record, schema).used
    assert {name: value for name, value in found.items() if name not in used} == {
        name: value for name, value in record.items() if name not in used
    }
    assert merged(found, schema, fields_of(record, schema)) == record
