"""Every message that the troubleshooting page explains is one that the code says."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
GAP = "…"


def said(node):
    """A text of the code, with a gap for each of its values; None for what is no text."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else GAP for part in node.values)
    return None


def texts():
    found = set()
    for path in (ROOT / "attribution").rglob("*.py"):
        found |= {text for node in ast.walk(ast.parse(path.read_text())) if (text := said(node))}
    return found


def test_every_message_on_the_page_is_in_the_code():
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    asked = [" ".join(each.split()) for each in re.findall(r'^\*\*"(.*?)"\*\*', page, re.M | re.S)]
    assert len(asked) > 25
    known = {" ".join(text.split()) for text in texts()}
    missing = [each for each in asked if each not in known]
    assert not missing, missing
