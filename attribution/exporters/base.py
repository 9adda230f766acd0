"""What every exporter offers: a table of a project, written whole or not at all."""

import dataclasses
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attribution.errors import UserError
from attribution.exporters import exporters
from attribution.settings import ranges
from attribution.settings.configs import DataConfig
from attribution.settings.options import NoSettings
from attribution.storage.files import whole_file

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.studies.influence.result import ScoreResult


class Exported(Protocol):
    """What an exporter may ask of a project."""

    @property
    def dataset(self) -> "Dataset": ...

    @property
    def data_config(self) -> "DataConfig": ...

    @property
    def labels(self) -> "Labels": ...

    def edits(self) -> "pd.DataFrame": ...

    def scores(self) -> "list[ScoreResult]": ...


class Exporter(ABC):
    """One kind of table that leaves a project. A subclass is one file: the words below and ``table``; one that is no
    table writes itself (``write``)."""

    name: ClassVar[str]
    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]  # what is in it, and what for
    file: ClassVar[str]  # what the file is usually called; its suffix says the usual format
    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", ".parquet")
    Settings: ClassVar[type[ranges.Settings]] = NoSettings  # a frozen dataclass with what can be set

    def __init__(self, settings: ranges.Settings | None = None) -> None:
        self.settings: Any = self.Settings() if settings is None else settings

    def missing(self, project: Exported) -> str:
        """What the project has not got for it, in words; "" where it has."""
        return ""

    @abstractmethod
    def table(self, project: Exported) -> "pd.DataFrame":
        """A line per entry; ``UserError`` where the project has nothing of the kind."""

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        """Write to ``path``, which is renamed to its place afterwards, in the format of ``suffix``."""
        WRITERS[suffix](self.table(project), path)


def content(project: Exported, name: str, suffix: str, options: Mapping[str, Any] | None = None) -> bytes:
    """The bytes that ``export`` would write."""
    with tempfile.TemporaryDirectory() as folder:
        return export(project, name, Path(folder, f"export{suffix}"), options).read_bytes()


def export(project: Exported, name: str, path: Path, options: Mapping[str, Any] | None = None) -> Path:
    """Write what the exporter ``name`` makes of a project to the new file ``path``, whole or not at all; its path.

    ``UserError`` for an unknown exporter, a format that it does not write, an unknown setting, and a file that is there
    already.
    """
    kind: type[Exporter] = exporters.get(name)
    exporter = kind(_settings(kind, options or {}))
    path = Path(path).expanduser()
    if path.suffix.lower() not in exporter.formats:
        raise UserError(
            f"{path.name} ends in {path.suffix or 'nothing'!r}.",
            f"{name} is not written in that format.",
            f"Use one of: {', '.join(exporter.formats)}.",
        )
    if path.exists():
        raise UserError(f"{path} is there already.", "It would be overwritten.", "Choose another name, or remove it.")
    with whole_file(path) as temporary:
        exporter.write(project, temporary, path.suffix.lower())
    return path


def _settings(kind: type[Exporter], options: Mapping[str, Any]) -> ranges.Settings:
    known = {item.name for item in dataclasses.fields(kind.Settings)}  # type: ignore[arg-type]
    for name in options:
        if name not in known:
            do = f"The settings there are: {', '.join(sorted(known))}." if known else "Leave it out."
            raise UserError(f"{name} is no setting of the exporter {kind.name}.", "It would be ignored.", do)
    return kind.Settings(**options)


def _csv(table: "pd.DataFrame", path: Path) -> None:
    flat = table.apply(lambda column: column.map(_text) if column.dtype == object else column)
    flat.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _jsonl(table: "pd.DataFrame", path: Path) -> None:
    table.to_json(path, orient="records", lines=True, force_ascii=False, date_format="iso")


def _parquet(table: "pd.DataFrame", path: Path) -> None:
    flat = table.apply(lambda column: column.map(_text) if column.dtype == object else column)
    flat.to_parquet(path, index=False)


def _text(value: Any) -> Any:
    """A cell that holds names and values (the evidence of a decision) as JSON."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, tuple)) else value


WRITERS: "dict[str, Callable[[pd.DataFrame, Path], None]]" = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}
