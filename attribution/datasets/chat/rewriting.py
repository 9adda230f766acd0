"""Rows that were rewritten: the part of a row that a conversation is made of, changed in its own schema and kept by
content."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.chat.conversation import Conversation, conversation_of, original_row
from attribution.datasets.chat.encode import words_of
from attribution.datasets.chat.schemas import FROM, TRAINED, Unfit, read
from attribution.datasets.words import whole
from attribution.errors import UserError
from attribution.storage.files import read_json, way_out, whole_file

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

FOLDER = "rewritten"  # of the data's

Fields = dict[str, Any]


def fields_of(record: Mapping[str, Any], schema: str) -> Fields:
    """The columns of a row that its conversation is made of."""
    used = read(record, schema).used
    return {name: value for name, value in record.items() if name in used}


def merged(record: Mapping[str, Any], schema: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A row with these columns in the place of those that its conversation was made of; every other column and the
    order of all are as they were."""
    gone = set(fields_of(record, schema)) - set(fields)
    kept = {name: fields.get(name, value) for name, value in record.items() if name not in gone}
    return {**kept, **{name: value for name, value in fields.items() if name not in kept}}


def merged_text(text: str, schema: str, fields: Mapping[str, Any]) -> str:
    """The same of a row's text, written as the row was: signs beyond ASCII as they are, or all of them escaped."""
    found = merged(json.loads(text), schema, fields)
    escaped = text.isascii() and "\\u" in text
    said = json.dumps(found, ensure_ascii=escaped)
    return said if said.isascii() or whole(said) == said else json.dumps(found)


def answered(record: Mapping[str, Any], schema: str, text: str) -> Fields:
    """The columns with another text for the last trained turn; ``UserError`` where there is none."""
    fields = fields_of(record, schema)
    if schema == "tokens":
        raise UserError(
            "The row is ready tokens.",
            "Words cannot be written into it.",
            "Give input_ids and labels as JSON (--file).",
        )
    if schema in ("text", "alpaca"):
        return {**fields, {"text": "text", "alpaca": "output"}[schema]: text}
    if schema == "prompt_completion" and isinstance(fields["completion"], str):
        return {**fields, "completion": text}
    column = {"messages": "messages", "sharegpt": "conversations", "prompt_completion": "completion"}[schema]
    turns = list(fields[column])
    place = _last_trained(read(record, schema).conversation, len(turns))
    turns[place] = _saying(turns[place], text)
    return {**fields, column: turns}


def _last_trained(conversation: Conversation, count: int) -> int:
    """The place of the last trained turn among the last ``count`` turns, which stand in one column."""
    trained = [place for place, turn in enumerate(conversation.turns[-count:]) if turn.trained]
    if not trained:
        raise UserError(
            "The row has no turn that is trained.",
            "There is no answer to rewrite.",
            "Give the whole row as JSON (--file).",
        )
    return trained[-1]


def _saying(turn: Mapping[str, Any], text: str) -> dict[str, Any]:
    """A turn with another text, in the form that its content had."""
    name = "content" if "role" in turn else "value"
    parts = isinstance(turn.get(name), list)
    return {**turn, name: [{"type": "text", "text": text}] if parts else text}


def given(fields: Any, schema: str) -> Fields:
    """The columns as a user wrote them, checked; ``UserError`` where no conversation of this schema is in them."""
    if not isinstance(fields, Mapping):
        raise UserError(
            "The rewritten row is no JSON object.", "It has the columns of its schema.", 'Write {"messages": [...]}.'
        )
    try:
        found = read(fields, schema)
    except Unfit as cause:
        raise UserError(
            f"The rewritten row {cause}.", f"The data is in the schema {schema}.", "Write it as the other rows are."
        ) from cause
    if not any(turn.trained and turn.content.strip() for turn in found.conversation.turns):
        raise UserError(
            "The rewritten row trains nothing: no turn of it is the model's.",
            "A training would pass over it.",
            f"Give a turn the role {' or '.join(name for name, role in FROM.items() if role == TRAINED)}, or drop it.",
        )
    return {name: value for name, value in fields.items() if name in found.used}


def rewrite(dataset: "Dataset", row: int, to: str | Mapping[str, Any]) -> int:
    """Keep what a row is to say, its answer alone or its columns; its number, 0 where that is what it says as
    imported. ``UserError`` where the samples are no texts, it trains nothing, or it is too long for the data."""
    if not dataset.task.targets.rewrites:
        targets = dataset.task.targets
        raise UserError("The samples are not rewritten.", f"What is learned is a {targets.noun}.", targets.may_be())
    schema = str(dataset.info.preprocessing["schema"])
    record = original_row(dataset.imported, row)
    if isinstance(to, str):
        if not to.strip():
            raise UserError(
                "The new answer is empty.", "There is nothing to learn in it.", "Write one, or drop the row."
            )
        to = answered(record, schema, whole(to))
    fields = given(to, schema)
    _check_length(dataset, row, read(fields, schema).conversation)
    return 0 if fields == fields_of(record, schema) else keep(dataset.folder, schema, fields)


def _check_length(dataset: "Dataset", row: int, conversation: Conversation) -> None:
    """``UserError`` where nothing that is trained is left of a conversation once it is cut to the data's length."""
    length = dataset.info.shape[-1]
    words = words_of(conversation)
    if not any(trained for _, trained in words[:length]):
        raise UserError(
            f"Row {dataset.ids[row]} would have {len(words):,} tokens, and its answer begins beyond {length:,}.",
            "That is the length of the longest row of this data.",
            "Shorten what stands before the answer, or import the edited file anew.",
        )


def answer_of(dataset: "Dataset", row: int, value: int) -> str:
    """What a row's trained turns say, as imported (0) or rewritten to this number; the number's name where that text
    is gone."""
    if not value:
        return conversation_of(dataset.imported, row).answer
    try:
        schema, fields = kept(dataset.folder, value)
    except UserError:
        return dataset.task.targets.word(value)
    return read(fields, schema).conversation.answer


def keep(data: Path, schema: str, fields: Mapping[str, Any]) -> int:
    """Keep these columns under the hash of their content, a number from 1 below 2**63; the number."""
    value = number_of(schema, fields)
    path = place(data, value)
    if not path.is_file():
        with whole_file(path) as temporary:
            text = json.dumps({"schema": schema, "fields": dict(fields)}, ensure_ascii=True)
            temporary.write_text(text, encoding="utf-8")  # columns and keys in their order: so they are written back
    return value


def kept(data: Path, value: int) -> tuple[str, Fields]:
    """Schema and columns that were kept under this number; ``UserError`` where they are gone or were changed."""
    path = place(data, value)
    if not path.is_file():
        raise UserError(
            f"{path} is not there.",
            "The ledger says that a row was rewritten to it.",
            f"{way_out(path)} Or take the edit back.",
        )
    found = read_json(path)
    schema = str(found.get("schema"))
    fields = found.get("fields")
    if not isinstance(fields, dict) or number_of(schema, fields) != value:
        raise UserError(f"{path} was changed.", "Its name is the hash of what it held.", way_out(path))
    return schema, fields


def place(data: Path, value: int) -> Path:
    """The file of a number."""
    return data / FOLDER / f"{value:016x}.json"


def number_of(schema: str, fields: Mapping[str, Any]) -> int:
    """63 bits of the hash of what a row was rewritten to, never 0."""
    said = json.dumps([schema, fields], ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], "big") >> 1 or 1
