"""Settings that belong to a plug-in: kept by name in a config's ``options``, checked against the plug-ins it names."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, TypeVar

from attribution import registry
from attribution.errors import UserError
from attribution.settings.ranges import Options, Settings, checked

T = TypeVar("T", bound=Settings)


@dataclasses.dataclass(frozen=True)
class NoSettings(Settings):
    """The settings of a plug-in that has none."""


def own(kind: type[T], options: Mapping[str, Any]) -> T:
    """A plug-in's settings from all ``options``; what belongs to others is left out, what is missing has its usual
    value."""
    names = {item.name for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in options.items() if name in names})


class WithOptions(Settings):
    """Base of configs that name plug-ins with settings of their own.

    Settings of the plug-ins are given by name, beside the config's (``ScoreConfig(estimator="forward-inf", steps=3)``)
    or as ``options``; those that differ from their usual value are kept in ``options``. ``UserError`` for one that
    belongs to none of the plug-ins named, and for a value out of its range.
    """

    options: Options
    FORMER: ClassVar[Mapping[str, Any]] = {}  # settings that stood in the config once, and what was usual then

    def __init__(self, **given: Any) -> None:
        usual = {item.name: item.default for item in dataclasses.fields(self)}  # type: ignore[arg-type]
        named = {name: given.pop(name) for name in list(given) if name not in usual}
        values = {**usual, **given}
        for name, value in {**values, "options": {**values["options"], **named}}.items():
            object.__setattr__(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "options", Options(sorted(unusual(self, self.options).items())))

    @classmethod
    def upgraded(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Stored values; where they are of a version that kept plug-ins' settings among the config's own, only those
        that were asked for stay."""
        return {
            name: value
            for name, value in values.items()
            if name not in cls.FORMER or ("options" in values or value != cls.FORMER[name])
        }


C = TypeVar("C", bound=WithOptions)


def changed(config: C, without: Iterable[str] = (), **changes: Any) -> C:
    """The config with other values; of its options those stay that the plug-ins it then names have, too."""
    values = {item.name: getattr(config, item.name) for item in dataclasses.fields(config)} | changes  # type: ignore[arg-type]
    bare = type(config)(**values | {"options": {}})
    known = fields_for(bare) if config.options else {}
    options = {name: value for name, value in config.options.items() if name in known and name not in without}
    return type(config)(**values | {"options": options})


def unusual(config: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the settings ``given`` that differ from the usual ones of the plug-ins that ``config`` names."""
    fields = fields_for(config) if given else {}
    found = {}
    for name, value in given.items():
        if name not in fields:
            raise foreign(config, name)
        found[name] = checked(fields[name], value)
    return {name: value for name, value in found.items() if value != fields[name].default}


def fields_for(config: Any) -> "dict[str, dataclasses.Field[Any]]":
    """The settings of the plug-ins that a config names, by name."""
    found: dict[str, dataclasses.Field[Any]] = {}
    for item in _naming(type(config)):
        plugin = registry.named(item.metadata["plugins"]).get(getattr(config, item.name))
        for field in _settings(plugin):
            if field.name in found:
                raise ValueError(f"two plug-ins of one {type(config).__name__} have a setting {field.name!r}")
            found[field.name] = field
    return found


def every_field(kind: type) -> "dict[str, dict[str, dataclasses.Field[Any]]]":
    """All settings that plug-ins of a config class may have: name -> plug-in -> setting."""
    found: dict[str, dict[str, dataclasses.Field[Any]]] = {}
    for item in _naming(kind):
        plugins = registry.named(item.metadata["plugins"])
        for name in plugins.names():
            for field in _settings(plugins.get(name)):
                found.setdefault(field.name, {})[name] = field
    return found


def foreign(config: Any, name: str, shown: str = "") -> UserError:
    """What to say of a setting that belongs to none of the plug-ins that ``config`` names."""
    named = [
        f"the {item.name} {getattr(config, item.name)}"
        for item in _naming(type(config))
        if any(_settings(plugin) for plugin in registry.named(item.metadata["plugins"]).each())
    ]
    owners = every_field(type(config)).get(name)
    mine = sorted(fields_for(config))
    why = f"It belongs to {', '.join(sorted(owners))}." if owners else "No plug-in has it."
    do = f"The settings there are: {', '.join(mine)}." if mine else "Leave it out: there is nothing to set."
    return UserError(f"{shown or name} is no setting of {' or '.join(named)}.", f"{why} It would be ignored.", do)


def _settings(plugin: Any) -> "tuple[dataclasses.Field[Any], ...]":
    return dataclasses.fields(getattr(plugin, "Settings", NoSettings))


def _naming(kind: type) -> "list[dataclasses.Field[Any]]":
    """The fields of a config class that name one plug-in each."""
    return [item for item in dataclasses.fields(kind) if item.metadata.get("plugins") and item.type in (str, "str")]
