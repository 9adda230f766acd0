"""A Python object that a project is made of, beside the settings of its data; light, as every verb meets it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.settings.configs import DataConfig, from_dict, to_dict


@dataclass(frozen=True)
class Given:
    """A Python object whose samples a project is to be made of, and what its ``fields`` are called."""

    data: Any
    fields: tuple[str, ...]
    config: DataConfig

    def written(self, config: DataConfig, folder: Path, progress: Progress) -> DataConfig:
        """Write them into ``folder``; the settings to read them by, with the folder's name as their path."""
        from attribution.datasets.given.write import write_given

        return replace(write_given(self.data, config, self.fields, folder, progress), path=folder.name)


def understood(data: Any, settings: Mapping[str, Any], fields: Sequence[str]) -> DataConfig | Given:
    """What ``Project.create`` is given as data: the settings, and the object where it is one rather than settings or a
    path. ``UserError`` for settings given twice."""
    if isinstance(data, DataConfig):
        if fields:
            raise UserError("fields were named for a file.", "They are those of an object.", "Leave fields out.")
        return from_dict(DataConfig, {**to_dict(data), **settings})
    if isinstance(data, str | Path):
        return from_dict(DataConfig, {"path": str(data), **settings})
    if "path" in settings:
        raise UserError(
            "The data are given twice, as an object and as a path.", "A project has one source.", "Leave out path."
        )
    return Given(data, tuple(fields), from_dict(DataConfig, dict(settings)))
