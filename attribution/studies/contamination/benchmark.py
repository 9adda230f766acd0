"""The items of a benchmark, read from the user's file: what is asked, what is right, and where it stands."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attribution.errors import UserError

QUESTIONS = ("question", "prompt", "problem", "instruction", "query", "input", "text", "content", "goal", "ctx")
ANSWERS = ("answer", "canonical_solution", "completion", "output", "solution", "response", "target", "label", "chosen")
CHOICES = ("choices", "options", "endings")
NAMES = ("task_id", "id", "name", "uid")
MOST_ITEMS = 200_000
MOST_BYTES = 2 << 30
LINE = 64 << 20  # bytes of one line


@dataclass(frozen=True)
class Item:
    """One item: its name, the line of the file it stands on (1-based), what is asked and what is right ("" where the
    file does not say)."""

    name: str
    line: int
    question: str
    answer: str

    @property
    def text(self) -> str:
        """Both together."""
        return f"{self.question}\n{self.answer}".strip()


def read_items(path: str | Path, question: str = "", answer: str = "") -> list[Item]:
    """The items of a JSONL, JSON, CSV or Parquet file. ``question`` and ``answer`` name the columns; empty: the usual
    names, else all columns that hold text.

    ``UserError`` naming the line for a file that is none of them, is empty, has no text, or is longer than a benchmark.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise UserError(f"There is no file {file}.", "Its items are compared with the training rows.", "Name a file.")
    if file.stat().st_size > MOST_BYTES:
        raise UserError(
            f"{file.name} has {file.stat().st_size / 2**30:.1f} GB.",
            f"Benchmarks of up to {MOST_BYTES >> 30} GB are read.",
            "Give the part that you measure by.",
        )
    lines = list(_lines(file))
    if not lines:
        raise UserError(f"{file.name} has no items.", "There is nothing to look for.", "Give a file with a line each.")
    asked, said = (_column(lines, given, names, file) for given, names in ((question, QUESTIONS), (answer, ANSWERS)))
    items = [_item(number, line, asked, said) for number, line in lines]
    found = [one for one in items if one.question.strip()]
    if not found:
        raise UserError(
            f"No item of {file.name} has text{f' in {asked!r}' if asked else ''}.",
            "Items are found again by their words.",
            f"Name the column of the question; it has: {', '.join(map(str, list(lines[0][1])[:12]))}.",
        )
    return found


def _lines(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Every line as a mapping, with its number."""
    if file.suffix.lower() in (".csv", ".tsv", ".parquet"):
        yield from _table(file)
        return
    if file.suffix.lower() == ".json":
        yield from enumerate(_whole(file), 1)
        return
    with open(file, encoding="utf-8", errors="surrogateescape") as stream:
        for number, text in enumerate(_bounded(stream, file), 1):
            if text.strip():
                yield number, _parsed(text, file, number)
            if number > MOST_ITEMS:
                raise UserError(
                    f"{file.name} has more than {MOST_ITEMS:,} lines.",
                    "That is a corpus, not a benchmark.",
                    "Split it.",
                )


def _bounded(stream: Any, file: Path) -> Iterator[str]:
    number = 0
    while text := stream.readline(LINE):
        number += 1
        if len(text) >= LINE:
            raise UserError(f"Line {number} of {file.name} is longer than {LINE >> 20} MB.", "", "Give an item a line.")
        yield text


def _parsed(text: str, file: Path, number: int) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        why = str(error) if isinstance(error, ValueError) else "it is nested too deeply"
        raise UserError(
            f"Line {number} of {file.name} is no JSON: {why[:120]}.",
            "A benchmark is read as a JSON object a line.",
            'Write for example {"question": "...", "answer": "..."}.',
        ) from None
    return _mapping(found, file, number)


def _mapping(found: Any, file: Path, number: int) -> Mapping[str, Any]:
    if isinstance(found, Mapping):
        return found
    if isinstance(found, str):
        return {"text": found}
    raise UserError(
        f"Item {number} of {file.name} is {type(found).__name__}, no object.",
        "Its columns say what is asked and what is right.",
        'Write for example {"question": "...", "answer": "..."}.',
    )


def _whole(file: Path) -> Sequence[Mapping[str, Any]]:
    text = file.read_text(encoding="utf-8", errors="surrogateescape")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file.name} is no JSON: {str(error)[:120]}.", "", "Is it JSONL? Call it so.") from None
    if isinstance(found, Mapping):
        found = next((value for value in found.values() if isinstance(value, list)), [found])
    return [_mapping(one, file, number) for number, one in enumerate(found, 1)]


def _table(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pandas as pd

    try:
        if file.suffix.lower() == ".parquet":
            table = pd.read_parquet(file)
        else:
            table = pd.read_csv(file, sep="\t" if file.suffix.lower() == ".tsv" else ",", dtype=str)
    except (ValueError, OSError) as error:
        raise UserError(f"{file.name} cannot be read: {str(error)[:160]}", "", "Give it as JSONL.") from None
    for number, line in enumerate(table.to_dict("records"), 1):
        yield number, {str(name): value for name, value in line.items()}


def _column(lines: Sequence[tuple[int, Mapping[str, Any]]], given: str, usual: Sequence[str], file: Path) -> str:
    """The column that is meant; "" where none has a usual name."""
    known = {str(name) for _, line in lines[:1000] for name in line}
    if given and given not in known:
        raise UserError(f"{file.name} has no column {given!r}.", "", f"It has: {', '.join(sorted(known)[:12])}.")
    return given or next((name for name in usual if name in known), "")


def _item(number: int, line: Mapping[str, Any], asked: str, said: str) -> Item:
    """The item on a line; of chats the turns, the last one as the answer."""
    name = str(next((line[name] for name in NAMES if isinstance(line.get(name), (str, int))), f"line {number}"))[:80]
    turns = line.get("messages") or line.get("conversations")
    if not asked and isinstance(turns, (list, tuple)) and turns:
        texts = [_text(turn.get("content", turn.get("value")) if isinstance(turn, Mapping) else turn) for turn in turns]
        return Item(name, number, "\n".join(texts[:-1]) or texts[-1], texts[-1] if len(texts) > 1 else "")
    if not asked:
        rest = [_text(value) for key, value in line.items() if key not in (*NAMES, said) and isinstance(value, str)]
        return Item(name, number, "\n".join(rest), _answer(line, said))
    return Item(name, number, _text(line.get(asked)), _answer(line, said))


def _answer(line: Mapping[str, Any], said: str) -> str:
    """What is right: a text, or the choice of that number or letter."""
    value = line.get(said) if said else None
    choices: Any = next((line[name] for name in CHOICES if line.get(name) is not None), None)
    choices = choices.get("text") if isinstance(choices, Mapping) else choices
    choices = choices.tolist() if hasattr(choices, "tolist") else choices
    if isinstance(choices, list) and choices:
        written = str(value)
        letter = len(written) == 1 and written.isalpha()
        place = ord(written.upper()) - 65 if letter else int(written) if written.isdigit() else -1
        return _text(choices[place]) if 0 <= place < len(choices) else _text(value)
    return _text(value)


def _text(value: Any) -> str:
    """A value as the text it is; what is no text or number is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "\n".join(_text(one) for one in value[:64])
    if isinstance(value, Mapping):
        return _text(value.get("text") or value.get("content") or value.get("value"))
    return "" if value is None or value != value or isinstance(value, bool) else str(value)
