"""Chats in the schemas that people have become conversations with their trained part."""

import json

import numpy as np
import pytest

from attribution.datasets.chat.schemas import schema_of
from attribution.datasets.load import import_data, preview
from attribution.datasets.readers.base import reader_of
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

MESSAGES = {
    "messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}],
    "topic": "x",
}
RECORDS = {
    "messages": MESSAGES,
    "prompt_completion": {"prompt": "Why?", "completion": "Because."},
    "alpaca": {"instruction": "Answer.", "input": "Why?", "output": "Because."},
    "sharegpt": {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]},
    "tokens": {"input_ids": [5, 6, 7], "labels": [-100, 6, 7]},
    "text": {"text": "Because."},
}


def write(path, records):
    path.write_text("".join(json.dumps(one) + "\n" for one in records))
    return path


@pytest.mark.parametrize("schema", RECORDS)
def test_every_schema_becomes_conversations(schema, tmp_path):
    path = write(tmp_path / "chat.jsonl", [RECORDS[schema]] * 12)
    task = "causal-lm" if schema == "text" else "auto"
    dataset = import_data(DataConfig(path=str(path), task=task), tmp_path / "data", "chat")
    assert dataset.info.preprocessing["schema"] == schema
    assert dataset.info.task["name"] == "causal-lm"
    conversation = dataset.conversation(0)
    assert conversation.answer == {"tokens": "6 7"}.get(schema, "Because.")
    assert "Why?" in conversation.question or schema in ("tokens", "text")
    ids, kinds = np.asarray(dataset.inputs[0])
    words = [dataset.info.preprocessing["vocabulary"][word] for word in ids[kinds == 1]]
    assert words[:2] == {"tokens": ["6", "7"]}.get(schema, ["because", "."])
    assert json.loads(dataset.line(0)["row"]) == RECORDS[schema]


@pytest.mark.parametrize("schema", set(RECORDS) - {"text"})
def test_chats_are_told_from_tables(schema, tmp_path):
    path = write(tmp_path / "chat.jsonl", [RECORDS[schema]] * 3)
    assert reader_of(path).name == "chat"
    labelled = {**RECORDS[schema], "label": "cat"}
    wanted = "table" if schema in ("prompt_completion", "alpaca") else "chat"
    assert reader_of(write(tmp_path / "label.jsonl", [labelled] * 3)).name == wanted
    assert schema_of(labelled, asked=True) == schema


def test_rows_that_train_nothing_and_rows_that_are_none_are_named(tmp_path):
    silent = {"messages": [{"role": "user", "content": "Why?"}]}
    path = write(tmp_path / "chat.jsonl", [MESSAGES] * 8 + [silent, {"messages": []}, {"messages": [{"role": "user"}]}])
    found = preview(DataConfig(path=str(path)))
    said = {one["where"]: one["what"] for one in found["problems"]}
    assert said["line 9"].startswith("trains nothing")
    assert said["line 10"] == "has no turn in messages"
    assert said["line 11"] == "has no content in turn 1"
    assert found["n"] == 9


def test_odd_roles_and_unused_ids_are_told(tmp_path):
    odd = {"id": 7, "messages": [{"role": "wizard", "content": "Hm."}, *MESSAGES["messages"]]}
    lines = [{"id": place, **MESSAGES} for place in range(6)] + [odd]
    found = {
        one["where"]: one["what"]
        for one in preview(DataConfig(path=str(write(tmp_path / "c.jsonl", lines))))["problems"]
    }
    assert found["line 7"].startswith("'wizard' is a role that chat templates do not know")
    assert "--id id" in found["column id"]


def test_a_broken_line_is_told_with_its_place(tmp_path):
    path = tmp_path / "c.jsonl"
    path.write_text((json.dumps(MESSAGES) + "\n") * 3 + '{"messages": [}\n')
    for task in ("auto", "causal-lm"):  # those before it tell that the file holds chats
        with pytest.raises(UserError, match=r"Line 4 of c.jsonl is not JSON at sign 15: Expecting value\."):
            preview(DataConfig(path=str(path), task=task))
    assert not reader_of(path).labelled


def test_what_else_stands_in_a_row_is_kept(tmp_path):
    dataset = import_data(DataConfig(path=str(write(tmp_path / "c.jsonl", [MESSAGES] * 8))), tmp_path / "data", "chat")
    assert set(dataset.own("topic")) == {"x"}
    assert dataset.ids[0].startswith("line-")


def test_a_language_model_on_a_table_is_refused(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("x,label\n" + "1,a\n2,b\n" * 6)
    with pytest.raises(UserError, match="is no file of chats"):
        import_data(DataConfig(path=str(path), task="causal-lm"), tmp_path / "data", "t")
