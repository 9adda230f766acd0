"""With which settings a score was asked for: what tells one answer of an estimator from another, in a request and in
words."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from attribution.estimators import estimators
from attribution.settings.configs import ScoreConfig

Settings = Mapping[str, Any]  # settings that differ from their default
USUAL_DAMPING = (0.1, 1.0)  # what a damping ratio of 0 stood for in scores that do not tell what was asked
RANDOM = ("seed",)


def asked(config: ScoreConfig, options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of ``config`` that its estimator heeds and that are not the usual ones; ``options`` are the
    estimator's own.

    {} is what is asked for where nobody set anything. Queries, run, labels, measure and k are no part of it, nor what
    changes no result.
    """
    its = usual(config.estimator)
    own = {name: value for name, value in config.options.items() if name in its}
    heeded = [*(name for name in RANDOM if name in options), "autocast", "layers"]
    common = {name: getattr(config, name) for name in heeded if getattr(config, name) != getattr(ScoreConfig, name)}
    if "layers" in common:
        common["layers"] = sorted(set(config.layers))
    return own | common


def usual(estimator: str) -> dict[str, Any]:
    """What an estimator's own settings are where nobody sets them; {} for one that is not installed any more."""
    kind = estimators.find(estimator)
    return {item.name: item.default for item in dataclasses.fields(kind.Settings)} if kind else {}


def requests(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The requests that a finished score (its ``config.json``) answers: usually one; two ways of asking may be the same
    work."""
    return list(config["asked"]) if "asked" in config else [_guessed(config)]


def _guessed(config: Mapping[str, Any]) -> dict[str, Any]:
    """For scores made before the request was kept: by the options, which name most settings as a request does."""
    options = config.get("options", {})
    defaults = usual(config.get("estimator", ""))
    found: dict[str, Any] = {}
    for name, value in options.items():
        default = defaults.get(name, getattr(ScoreConfig, name, value))
        if value != default and not (name == "damping_ratio" and value in USUAL_DAMPING):
            found[name] = True if name == "store" else value
    return found | ({"autocast": True} if config.get("autocast") else {})


def words(settings: Settings) -> str:
    """Settings for people: "usual settings", or those that differ from them: "steps 1, step 5"."""
    named = [name.replace("_", " ") + ("" if value is True else f" {_word(value)}") for name, value in settings.items()]
    return ", ".join(named) or "usual settings"


def _word(value: Any) -> str:
    """A setting's value for people."""
    if isinstance(value, list | tuple):
        return " and ".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
