"""Pages of the site that are made when it is built: Python from its docstrings, changes and security from their files;
and the check that nothing on it is loaded from elsewhere."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

DOCS = Path(__file__).resolve().parent
LOADED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*(?:src|href)=.?(?:https?:)?//[^>]*>")
MADE = {"changes.md": "CHANGELOG.md", "security.md": "SECURITY.md"}


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that stand nowhere as files."""
    sys.path.insert(0, str(DOCS))
    from api import api

    made = {"api.md": api(), **{name: _moved(source) for name, source in MADE.items()}}
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Refuse a page that would load something from another machine."""
    if found := LOADED.search(output):
        raise PluginError(f"{page.file.src_uri} loads something from elsewhere: {found.group()[:120]}")
    return output


def _moved(name: str) -> str:
    """A page of the repository's root, with links as they are from docs/."""
    text = (DOCS.parent / name).read_text(encoding="utf-8")
    text = text.replace("](docs/", "](")
    return re.sub(r"\]\((?!https?:|#)([^)]*?)\)", _link, text)


def _link(found: "re.Match[str]") -> str:
    """A link to a page of the site stays; one to a file beside it becomes plain words."""
    target = found.group(1).partition("#")[0]
    return found.group() if (DOCS / target).suffix == ".md" and (DOCS / target).exists() else "]"
