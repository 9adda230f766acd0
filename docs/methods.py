"""The parts of docs/methods.md that say what the code says: formula, unit, needs, settings and source of every plug-in,
between two marks."""

import re
from pathlib import Path

from figures.table import table

from attribution.detectors import detectors
from attribution.estimators import estimators
from attribution.measures import measures
from attribution.registry import Registry
from attribution.settings.configs import fields_of
from attribution.settings.options import NoSettings

PAGE = Path(__file__).resolve().parent / "methods.md"
REGISTRIES = {"estimators": estimators, "measures": measures, "detectors": detectors}
HEAD = ["name", "formula", "unit", "needs", "settings (usual value)", "source"]


def methods() -> str:
    """The page with its made parts anew."""
    text = PAGE.read_text()
    for room, registry in REGISTRIES.items():
        before, start, rest = text.partition(f"<!-- made: {room} -->\n")
        _, end, after = rest.partition("<!-- made -->")
        assert end, f"methods.md has no place for the {room}"
        text = f"{before}{start}{_in_short(registry)}{end}{after}"
    return re.sub(r"\n{3,}", "\n\n", text)


def _in_short(registry: Registry) -> str:
    lines = [
        [f"`{one.name}`", one.formula, getattr(one, "unit", "") or "-", one.needs or "-", _settings(one), one.source]
        for one in registry.each()
    ]
    return table(HEAD, [[cell.replace("|", "\\|") for cell in line] for line in lines])


def _settings(item: type) -> str:
    own = fields_of(getattr(item, "Settings", NoSettings))
    return ", ".join(f"`{name}` ({default!r})" for name, default, _, _ in own) or "-"
