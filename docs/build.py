"""Writes docs/reference.md from the code: settings, verbs, estimators, detectors, models. Run: python docs/build.py"""

import sys
from pathlib import Path

from attribution import config
from attribution.__main__ import cli

PATH = Path(__file__).parent / "reference.md"
CONFIGS = ("DataConfig", "ModelConfig", "TrainConfig", "ScoreConfig", "FlagConfig", "MapConfig", "RetrainConfig")


def reference() -> str:
    """The whole page."""
    from attribution.detectors import detectors
    from attribution.estimators import estimators

    parts = ["# Reference\n\nMade by `python docs/build.py` from the code; do not edit by hand.\n"]
    parts.append("## Verbs\n\nEvery flag: `datablame VERB --help`.\n\n| verb | what it does |\n| --- | --- |")
    for command in cli.registered_commands:
        if not command.hidden:
            name = command.name or command.callback.__name__
            parts.append(f"| `datablame {name}` | {(command.callback.__doc__ or '').strip().splitlines()[0]} |")
    parts.append("\n## Settings\n\nThe same names are CLI flags, form fields and keys of `config.json`.\n")
    for name in CONFIGS:
        kind = getattr(config, name)
        parts.append(f"### {name}\n\n{kind.__doc__}\n\n| setting | default | meaning |\n| --- | --- | --- |")
        for field, default, text in config.fields_of(kind):
            shown = repr(default) if default != "" else "empty"
            parts.append(f"| `{field}` | {shown} | {text} |")
        parts.append("")
    for registry, title in ((estimators, "Estimators"), (detectors, "Detectors")):
        parts.append(f"## {title}\n\n| name | in words | summary | cost |\n| --- | --- | --- | --- |")
        for name in registry.names():
            item = registry.get(name)
            asked = "" if getattr(item, "default", True) else " (on request)"
            parts.append(f"| `{name}`{asked} | {item.title} | {item.summary} | {item.cost} |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    PATH.write_text(reference())
    sys.stdout.write(f"wrote {PATH}\n")
