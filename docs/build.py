"""Writes docs/reference.md and the tables of docs/methods.md from the code, docs/benchmarks.md from the checked-in
results, and the README's table of what people have from their scripts. Run: python docs/build.py"""

import sys
from collections.abc import Callable
from pathlib import Path

from doors import with_doors
from figures.page import benchmarks
from methods import methods
from reference import reference

DOCS = Path(__file__).resolve().parent
PAGES: dict[str, Callable[[], str]] = {
    "methods.md": methods,
    "reference.md": reference,
    "benchmarks.md": benchmarks,
}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (DOCS / name).write_text(page())
        sys.stdout.write(f"wrote {DOCS / name}\n")
    readme = DOCS.parent / "README.md"
    readme.write_text(with_doors(readme.read_text()))
