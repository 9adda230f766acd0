"""The code reads line by line: no packed assignments, short functions. The limits here only ever fall."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = sorted([*(ROOT / "attribution").rglob("*.py"), *(ROOT / "pages").rglob("*.py"), ROOT / "app.py"])

PACKED = 0
OVER_25_LINES = 212
OVER_60_LINES = 0


def nodes(kind: type | tuple[type, ...]) -> Iterator[tuple[str, ast.AST]]:
    """Nodes of a kind in all files of the product, each with its place."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, kind):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node


class Masked(ast.NodeTransformer):
    """An expression without its names and constants: what it does stays, with which things is gone."""

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name("_", ast.Load())

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return ast.Constant(type(node.value).__name__)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.Attribute(self.visit(node.value), "_", ast.Load())

    def visit_Call(self, node: ast.Call) -> ast.AST:
        words = [ast.keyword(word.arg, self.visit(word.value)) for word in node.keywords]
        return ast.Call(node.func, [self.visit(value) for value in node.args], words)


def owner(target: ast.AST) -> str | None:
    """The name that an assignment's target begins with."""
    while isinstance(target, ast.Attribute | ast.Subscript | ast.Starred):
        target = target.value
    return target.id if isinstance(target, ast.Name) else None


def related(values: list[ast.expr]) -> bool:
    """The same is done to two or three things (``f(a), f(b)``), or two or three sides of one thing are read
    (``x.min(), x.max()``)."""
    alike = {ast.dump(Masked().visit(ast.parse(ast.unparse(value), mode="eval").body)) for value in values}
    return len(values) <= 3 and (len(alike) == 1 or len({sides(value) for value in values}) == 1)


def sides(value: ast.expr) -> str:
    """A value as text without the names of the attributes it reads."""
    copy = ast.parse(ast.unparse(value), mode="eval")
    for node in ast.walk(copy):
        if isinstance(node, ast.Attribute):
            node.attr = "_"
    return ast.dump(copy)


def packed(line: str) -> bool:
    """Whether a statement writes unrelated things at once; exchanges, which need one line, do not count."""
    node = ast.parse(line).body[0]
    if not isinstance(node, ast.Assign):
        return False
    targets, values = node.targets[0], node.value
    if not (isinstance(targets, ast.Tuple) and isinstance(values, ast.Tuple)):
        return False
    written = {owner(target) for target in targets.elts}
    read = {name.id for name in ast.walk(values) if isinstance(name, ast.Name)}
    return not written & read and not related(values.elts)


@pytest.mark.parametrize("line", ["a, b = 1, f(x)", "a, b, c, d = 1, 2, 3, 4", "a, b = f(x), g(x)", "a, b = x, y.z"])
def test_unrelated_things_in_a_line_are_seen(line):
    assert packed(line)


@pytest.mark.parametrize(
    "line", ["a, b = b, a", "a, b = f(x), f(y)", "a, b = x.min(), x.max()", "a = f(x)", "a, b = f(x)", "a, b = 0, 1"]
)
def test_pairs_and_exchanges_may_share_a_line(line):
    assert not packed(line)


def test_one_assignment_a_line():
    found = [f"{place}: {ast.unparse(node)}" for place, node in nodes(ast.Assign) if packed(ast.unparse(node))]
    assert len(found) <= PACKED, "\n".join(found)


def code_lines(function: ast.FunctionDef) -> int:
    """Lines of a function from its def on, without its docstring."""
    first = function.body[0]
    docstring = first.end_lineno - first.lineno + 1 if ast.get_docstring(function) is not None else 0
    return function.end_lineno - function.lineno + 1 - docstring


def test_functions_are_short():
    lengths = {f"{place} {node.name}": code_lines(node) for place, node in nodes(ast.FunctionDef)}
    assert len(lengths) > 2000
    long = {place: n for place, n in lengths.items() if n > 60}
    assert len(long) <= OVER_60_LINES, long
    assert sum(n > 25 for n in lengths.values()) <= OVER_25_LINES
