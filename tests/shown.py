"""The pages there are, and all that the server sends of one."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path.stem for path in ROOT.glob("pages/*.py") if path.stem != "__init__")
PLUMBING = re.compile(  # of widgets and their places, not read by anybody
    r"label(_visibility)?: |label_visibility|aria-label|class=|data-keys=.*|style=.{2,3}[^>]*>|\W\Wlabel\W\W:|"
    r"(user_key|form_id): .*|\bid: .*|element_id: .*|url_path: .*|^ *data: .*|"
    r"\b(js|css|html)_content: .*|`\{\w+\}`"  # the last: what a command of the user's may name
)


def everything(node) -> list[str]:
    """All that the server sent of a page: words, help, alternative texts, options."""
    found = [str(node.proto)] if getattr(node, "proto", None) is not None else []
    for child in getattr(node, "children", {}).values():
        found += everything(child)
    return found
