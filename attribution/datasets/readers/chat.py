"""Read what a language model is trained on: JSON lines, JSON, Parquet or a folder in the schemas people have."""

import json
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.datasets import beside
from attribution.datasets.address import Address, address_of
from attribution.datasets.chat.conversation import ROLES, ROW, TURNS, Conversation
from attribution.datasets.chat.records import Record, records_of
from attribution.datasets.chat.schemas import Unfit, read, schema_of
from attribution.datasets.names import NO_PROJECT
from attribution.datasets.packed_text import ending
from attribution.datasets.readers import register
from attribution.datasets.readers.base import Reader
from attribution.datasets.source import Source, left_out, listed, note
from attribution.datasets.splits import split_meanings
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.tasks.targets import AS_IMPORTED

if TYPE_CHECKING:
    import pandas as pd

TASK = "causal-lm"
SUFFIXES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz", ".json", ".json.gz", ".parquet")
SEEN = 20  # records by which a schema is told
KNOWN = (*ROLES, "text", "tokens")
ODD = "is a role that chat templates do not know; its turns are read and not learned"
MOST = 200  # columns beside a conversation that samples are found by
SCHEMAS = "messages, prompt/completion, text, instruction/output (alpaca), conversations (ShareGPT), input_ids/labels"


@register("chat")
class Chat(Reader):
    """A conversation, a question with its answer, or a text in every record."""

    title = "chats"
    summary = (
        f"What a language model is trained on, a record each: {SCHEMAS}; as JSON lines, JSON or Parquet. With "
        "--task causal-lm also where a label stands beside it, and plain texts."
    )
    suffixes: ClassVar[tuple[str, ...]] = ()  # those of tables: what is in a file decides
    kind = "table"
    labelled = False

    def sniff(self, path: Path, folder: bool) -> int:
        """Surer than a table where most of the first records have one of the schemas that no table has."""
        first: list[Record] = []
        try:
            for record in islice(first_records(path), SEEN) if folder or ending(path) in SUFFIXES else ():
                first.append(record)
        except (UserError, OSError):
            pass  # those before the broken one tell what it is; who reads it says what is wrong
        return 3 if first and 2 * sum(bool(schema_of(one.fields)) for one in first) > len(first) else 0

    def read(self, config: DataConfig) -> Source:
        """A sample for every record that holds a conversation; the others are listed with their line. Ids are those of
        ``config.id``, else ``line-00017``. Memory: the whole file."""
        return source_of(records_of(address_of(config.path), config.max_gigabytes), config, address_of(config.path))

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        import pandas as pd

        path = address_of(str(words)).files()[0]
        return pd.DataFrame([dict(one.fields) for one in islice(first_records(path), count)])


def first_records(path: Path) -> Iterator[Record]:
    """The records of a path, read as they are asked for."""
    if path.exists():
        yield from records_of(address_of(str(path)), 0.0)


def source_of(records: Iterator[Record], config: DataConfig, address: Address) -> Source:
    """The samples of these records, as ``Chat.read`` says."""
    import pandas as pd

    path = address.path
    first = list(islice(records, SEEN))
    schema = next((name for one in first if (name := schema_of(one.fields, asked=True))), "")
    if first and not schema:
        raise _no_schema(first[0], path)
    seen = 0
    lines: dict[str, list[Any]] = {}
    kept: dict[str, list[Any]] = {}
    unkept: dict[str, None] = {}
    roles: dict[str, str] = {}
    count = 0
    problems: list[dict[str, Any]] = []
    for record in chain(first, records):
        seen += 1
        try:
            found = read(record.fields, schema)
        except Unfit as cause:
            other = schema_of(record.fields, asked=True)
            mixed = f"is in the schema {other}, the others in {schema}"
            problems.append(left_out(record.where, mixed if other not in ("", schema) else str(cause)))
            continue
        roles |= {turn.role: record.where for turn in found.conversation.turns if turn.role not in {*KNOWN, *roles}}
        used = {*found.used, config.id, config.group, config.split or "split"}
        _put(lines, count, _line(record, found.conversation, config, path))
        others = [name for name in record.fields if name not in used]
        new = [name for name in others if name not in kept][max(0, MOST - len(kept)) :]
        unkept.update(dict.fromkeys(new))
        _put(kept, count, {name: _plain(record.fields[name]) for name in others if name not in unkept})
        count += 1
    if not lines:
        raise UserError(
            f"{path.name} holds no conversation: {problems[0]['where']} {problems[0]['what']}."
            if problems
            else f"{path.name} is empty.",
            "There is nothing to learn from.",
            f"The schemas read are: {SCHEMAS}. {NO_PROJECT}",
        )
    samples = pd.DataFrame(lines)
    problems += _nothing_trained(samples)
    samples["split"], said = _splits(samples, config.split or "split", path)
    samples["label"] = AS_IMPORTED
    beside_them = pd.DataFrame({name: [*some, *[None] * (count - len(some))] for name, some in kept.items()})
    beside_them.index = samples.index
    names = [name for name in beside_them.columns if beside_them[name].notna().any()]
    samples = pd.concat([samples.drop(columns="nothing"), beside.kept(beside_them, names)], axis=1)
    samples.attrs["schema"] = schema
    said += beside.said(names) + _unkept(list(unkept)) + _unused_ids(kept.get("id", []), count)
    said += [note(where, f"{role!r} {ODD}") for role, where in list(roles.items())[:SEEN]]
    return Source("chat", path, samples, problems=problems + said, seen=seen)


def _line(record: Record, conversation: Conversation, config: DataConfig, path: Path) -> dict[str, Any]:
    """What is kept of a row for itself; ``nothing``: it trains nothing."""
    return {
        "id": _id(record, config.id, path),
        "source": record.where,
        "text": conversation.plain,
        TURNS: conversation.to_json(),
        ROW: record.text,
        "group": _said(record, config.group, path) if config.group else "",
        "split": record.fields.get(config.split or "split") or "",
        "nothing": not any(turn.trained and turn.content.strip() for turn in conversation.turns),
    }


def _unused_ids(values: list[Any], count: int) -> list[dict[str, Any]]:
    """A line about a column of ids that was not named as such."""
    plain = [value for value in values if isinstance(value, str | int)]
    differ = len(plain) == count == len(set(plain)) and count > 1
    return [note("column id", "has another word in every row; --id id calls the samples so")] if differ else []


def _unkept(names: list[str]) -> list[dict[str, Any]]:
    """A line about columns beyond ``MOST``; none without such."""
    what = f"of more than {MOST} columns these are not looked at or filtered by; an export writes them back"
    return [note(f"column{'s' * (len(names) > 1)} {listed(names)}", what)] if names else []


def _put(columns: dict[str, list[Any]], count: int, line: Mapping[str, Any]) -> None:
    """Add a line to columns that have ``count`` or fewer values: a list of dicts would take several times the room."""
    for name, value in line.items():
        column = columns.setdefault(name, [])
        column += [None] * (count - len(column))
        column.append(value)


def _no_schema(record: Record, path: Path) -> UserError:
    return UserError(
        f"{record.where[0].upper()}{record.where[1:]} of {path.name} has none of the schemas of a chat.",
        f"Its columns are {', '.join(map(str, list(record.fields)[:12])) or 'none'}.",
        f"The schemas read are: {SCHEMAS}.",
    )


def _id(record: Record, name: str, path: Path) -> str:
    return _said(record, name, path) if name else f"line-{record.number:05d}"


def _said(record: Record, name: str, path: Path) -> str:
    value = record.fields.get(name)
    if value is None or isinstance(value, list | Mapping):
        raise UserError(
            f"{record.where[0].upper()}{record.where[1:]} of {path.name} has no word or number in column {name}.",
            "It was named for all rows.",
            "Correct the row, or name another column.",
        )
    return str(value)


def _plain(value: Any) -> Any:
    """A value that a column beside the data can hold."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | Mapping) else value


def _nothing_trained(samples: "pd.DataFrame") -> list[dict[str, Any]]:
    gone = samples["source"][samples["nothing"]].tolist()
    if not gone:
        return []
    if len(gone) == len(samples):
        raise UserError(
            f"No row trains anything: of {gone[0]}, as of all others, no turn is the model's.",
            "A language model learns the turns of the role assistant (gpt in ShareGPT).",
            "Name the model's role so, or give answers.",
        )
    more = f" (and {len(gone) - 1:,} more rows)" if len(gone) > 1 else ""
    return [note(gone[0], f"trains nothing: no turn of it is the model's{more}", len(gone))]


def _splits(samples: "pd.DataFrame", name: str, path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """The split of each row as it says; words that are none are a mistake where the column was named."""
    words = [str(word) for word in samples["split"]]
    meanings = split_meanings({word for word in words if word})
    bad = [word for word in words if word and meanings[word] is None]
    if bad:
        place = words.index(bad[0])
        raise UserError(
            f"{samples['source'].iloc[place].capitalize()} of {path.name} has {bad[0]!r} in column {name}.",
            "That is not a split.",
            "Use train, val or test in every row, or rename the column.",
        )
    return [str(meanings[word]) if word else "" for word in words], []
