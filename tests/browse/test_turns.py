"""Columns of conversations: turns, roles and length, and the user's own."""

import json

import pytest

from attribution import Project
from attribution.browse.columns import Columns
from attribution.browse.filter import matching, parse
from attribution.browse.see import See
from attribution.settings.configs import DataConfig


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chats")
    short = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So."}]
    long = [{"role": "system", "content": "Be kind."}, *short, *short]
    rows = [{"messages": long if place % 5 == 0 else short, "topic": f"t{place % 2}"} for place in range(20)]
    path = folder / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Columns(See(Project.create(folder / "project", DataConfig(path=str(path)))))


@pytest.mark.parametrize(
    ("words", "found"),
    [("turns:5", 4), ("turns:2", 16), ('roles:"system, user, assistant"', 4), ("letters:..7", 16), ("topic:t0", 10)],
)
def test_conversations_are_found_by_their_turns_and_by_columns_of_the_file(columns, words, found):
    assert len(matching(parse(words), columns)) == found


def test_there_is_no_column_of_labels(columns):
    assert "label" not in columns
    assert "prediction" not in columns
