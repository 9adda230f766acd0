"""The commands that lead to the project's results, with every setting that differs from the usual one."""

import dataclasses
import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from attribution.project.home import SAMPLE_DATA
from attribution.report.state import State
from attribution.settings.configs import DataConfig, default_recipe
from attribution.settings.flag_names import flag_name
from attribution.settings.lists import written
from attribution.settings.ranges import Options

FILES = ("path", "checkpoints")  # settings that name files: said without their folders, which are the user's own
ELSEWHERE = ("device", "run")  # what no other machine has


def commands(state: State) -> list[str]:
    """One command a line, in the order of the work; files are called by their names alone."""
    name = state.project.name
    base = state.dataset.base_version().version
    steps = _steps(state)
    lines = [_made(state), *(line for version, line in steps if version == base)]
    if state.labels.version != base:
        lines.append("# edits.jsonl: the decisions, from this project by `datablame export patch --out edits.jsonl`")
        lines.append(_line("apply", name, ["edits.jsonl"]))
    lines += [line for version, line in steps if version != base]
    if state.proof is not None:
        script = state.proof.config.get("script", "")
        with_script = ["--command", str(script)] if script else []
        again = _line("retrain", name, ["--seeds", ",".join(map(str, state.proof.seeds)), *with_script])
        by_function = state.proof.own and not script
        lines.append("# retrained by a Python function: project.retrain(fit=...)" if by_function else again)
    return [*lines, _line("report", name, ["--out", "report.html"])]


def _steps(state: State) -> list[tuple[str, str]]:
    """What was done, each with the version of the data it was done on."""
    found = []
    run = state.run
    if run is not None and not run.loaded:
        usual = default_recipe(state.dataset.info.modality)
        found.append((run.version, _line("train", state.project.name, _flags(run.train_config, usual))))
    elif run is not None and not state.project.model_config.checkpoints:
        verb = "add-predictions FILE" if run.given else "add-run FILES"
        found.append((run.version, f"# your model, as it was brought here: `datablame {verb}`"))
    for name in ("mislabels", "leaks", "shift", "memorization", "bench"):
        study = state.project.studies.named(name)
        result = study.latest()
        if result is not None:
            flags = _asked(study.study.config, result.config)
            found.append((str(result.version), _line(study.study.alias or name, state.project.name, flags)))
    return found


def _asked(kind: type, stored: Mapping[str, Any]) -> list[str]:
    """The flags of what a result was asked for otherwise than usual, as far as its config says."""
    found: list[str] = []
    values = {**stored, **stored.get(kind.__name__.removesuffix("Config").lower(), {})}
    for item in dataclasses.fields(kind):
        value = values.get(item.name)
        value = tuple(value) if isinstance(value, list) else value
        if item.name not in ELSEWHERE and isinstance(value, type(item.default)) and value != item.default:
            found += [f"--{item.name.replace('_', '-')}", _value(item.name, value)]
    return found


def _made(state: State) -> str:
    """How the project is made."""
    project = state.project
    source = PurePath(project.data_config.path)
    if source.parent.parent == SAMPLE_DATA and project.name == f"{source.parent.name}-sample":
        return shlex.join(["datablame", "sample", source.parent.name])
    flags = [*_flags(project.data_config, DataConfig()), *_flags(project.model_config, type(project.model_config)())]
    trust = ["--trust-code"] if project.codes else []
    return shlex.join(["datablame", "new", project.name, *flags, *trust])


def _line(verb: str, project: str, words: list[str] | None = None) -> str:
    return shlex.join(["datablame", verb, "-p", project, *(words or [])])


def _flags(config: Any, usual: Any) -> list[str]:
    """The flags of the settings in which a config differs from the usual one."""
    found: list[str] = []
    for item in dataclasses.fields(config):
        value = getattr(config, item.name)
        if value == getattr(usual, item.name) or isinstance(value, Options):
            continue
        flag = f"--{flag_name(item.name, type(config)).replace('_', '-')}"
        found += [flag] if value is True else [flag, _value(item.name, value)]
    return found


def _value(name: str, value: Any) -> str:
    """A setting as it is written behind its flag."""
    entries = value if isinstance(value, tuple) else (value,)
    said = [_bare(name, str(entry)) for entry in entries]
    return written(said) if isinstance(value, tuple) else said[0]


def _bare(name: str, value: str) -> str:
    """A file's name without its folders; FILE.py:FUNCTION too."""
    return PurePath(value).name if name in FILES or ".py:" in value else value
