"""The command line: one verb per step of the work, with the same names and results as the app and ``Project``.

Nothing heavy is imported before a verb needs it, so ``--help`` is quick. The flags of each verb are made from its
config dataclass.
"""

from attribution.cli import (
    annotators,
    apply,
    behaviour,
    browse,
    data,
    edits,
    elsewhere,
    export,
    fix,
    look,
    marks,
    report,
    rewind,
    study,
    trials,
)
from attribution.cli.root import cli

__all__ = [
    "annotators",
    "apply",
    "behaviour",
    "browse",
    "cli",
    "data",
    "edits",
    "elsewhere",
    "export",
    "fix",
    "look",
    "marks",
    "report",
    "rewind",
    "study",
    "trials",
]
