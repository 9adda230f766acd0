"""What every exporter offers: a table, a file or a folder of a project, written whole or not at all."""

import dataclasses
import shutil
import tempfile
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from attribution.errors import UserError
from attribution.exporters import exporters
from attribution.exporters._writers import WRITERS
from attribution.settings import ranges
from attribution.settings.configs import DataConfig
from attribution.settings.options import NoSettings
from attribution.storage.files import whole_file, whole_folder

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, DatasetInfo, Labels
    from attribution.storage.ledger import Ledger
    from attribution.studies.categories.categories import Categories
    from attribution.studies.influence.result import ScoreResult
    from attribution.studies.leaks.result import LeakResult
    from attribution.studies.memorization.result import MemorizationResult
    from attribution.studies.mislabels.result import FlagResult
    from attribution.studies.retrain.result import RetrainResult
    from attribution.training.run import Run

FOLDER, ARCHIVE = "", ".zip"
GROUPS = {
    "data": "Your data",
    "decisions": "What was decided",
    "findings": "What was found",
    "programs": "For other programs",
}
OTHER = "More"  # of plug-ins that name no group


class Exported(Protocol):
    """What an exporter may ask of a project."""

    @property
    def name(self) -> str: ...

    @property
    def dataset(self) -> "Dataset": ...

    @property
    def info(self) -> "DatasetInfo": ...

    @property
    def data_config(self) -> "DataConfig": ...

    @property
    def labels(self) -> "Labels": ...

    @property
    def run(self) -> "Run | None": ...

    @property
    def ledger(self) -> "Ledger": ...

    def states(self) -> "pd.DataFrame": ...

    def marks(self) -> "pd.DataFrame": ...

    def edits(self) -> "pd.DataFrame": ...

    def edit_count(self) -> int: ...

    def predictions(self) -> "pd.DataFrame": ...

    def scores(self) -> "list[ScoreResult]": ...

    def flags(self) -> "FlagResult | None": ...

    def categories(self) -> "Categories | None": ...

    def leaks(self) -> "LeakResult | None": ...

    def memorizations(self) -> "list[MemorizationResult]": ...

    def comparisons(self) -> "list[RetrainResult]": ...

    def report(self, path: Path) -> Path: ...


def no_targets(project: Exported) -> str:
    """What stands in the way where a target each is needed: "" for nothing."""
    has = project.dataset.task.targets.correctable
    return "" if has else "Its rows are texts to learn, without labels; write them as they came: --format chat."


class Exporter(ABC):
    """One thing that leaves a project. A subclass is one file: the words below and ``table``; one that is no table
    writes itself (``write``), and one that is a folder is a ``FolderExporter``."""

    name: ClassVar[str]
    title: ClassVar[str]  # plain words for the user
    summary: ClassVar[str]  # what is in it, and what for
    file: ClassVar[str]  # what the file is usually called; its suffix says the usual format
    group: ClassVar[str] = ""  # of ``GROUPS``: where menus list it
    formats: ClassVar[tuple[str, ...]] = (".csv", ".jsonl", ".parquet")  # "" is a folder
    about: ClassVar[
        Mapping[str, str]
    ] = {}  # column -> what it is, with sign and unit; stands in a Parquet file's schema
    Settings: ClassVar[type[ranges.Settings]] = NoSettings  # a frozen dataclass with what can be set

    def __init__(self, settings: ranges.Settings | None = None) -> None:
        self.settings: Any = self.Settings() if settings is None else settings

    def missing(self, project: Exported) -> str:
        """What the project has not got for it, in words; "" where it has."""
        return ""

    def size(self, project: Exported) -> int:
        """About how many bytes it will have; 0: not known. Answers at once."""
        return 0

    @abstractmethod
    def table(self, project: Exported) -> "pd.DataFrame":
        """A line per entry; ``UserError`` where the project has nothing of the kind."""

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        """Write to ``path``, which is renamed to its place afterwards, in the format of ``suffix``."""
        WRITERS[suffix](self.table(project), path, self.about)


class FolderExporter(Exporter):
    """One that is a folder of files, or the same in a zip archive. A subclass writes ``fill``."""

    formats: ClassVar[tuple[str, ...]] = (ARCHIVE, FOLDER)
    in_place: ClassVar[bool] = False  # written where it is to lie, as other programs keep its path

    @abstractmethod
    def fill(self, project: Exported, folder: Path) -> None:
        """Write the files into the empty ``folder``."""

    def table(self, project: Exported) -> "pd.DataFrame":
        raise NotImplementedError(f"{self.name} is a folder")

    def write(self, project: Exported, path: Path, suffix: str) -> None:
        if suffix == FOLDER:
            self.fill(project, path)
            return
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".datablame-") as folder:
            self.fill(project, Path(folder))
            _pack(Path(folder), path)


def export(project: Exported, name: str, path: Path, options: Mapping[str, Any] | None = None) -> Path:
    """Write what the exporter ``name`` makes of a project to the new file or folder ``path``, whole or not at all; its
    path. A name without a suffix is a folder where the exporter writes one.

    ``UserError`` for an unknown exporter, a format that it does not write, an unknown setting, something that the
    project has not got, and a file that is there already.
    """
    exporter = made(name, options)
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if suffix not in exporter.formats:
        raise UserError(
            f"{path.name} ends in {path.suffix or 'nothing'!r}.",
            f"{name} is not written in that format.",
            f"Use one of: {', '.join(one or 'a name without a dot, for a folder' for one in exporter.formats)}.",
        )
    if path.exists():
        raise UserError(f"{path} is there already.", "It would be overwritten.", "Choose another name, or remove it.")
    if missing := exporter.missing(project):
        raise UserError(missing, f"Without it there is nothing to write as {name}.", "See what else can be exported.")
    if isinstance(exporter, FolderExporter) and exporter.in_place:
        _in_place(exporter, project, path)
        return path
    with whole_folder(path) if suffix == FOLDER else whole_file(path) as temporary:
        exporter.write(project, temporary, suffix)
    return path


def _in_place(exporter: FolderExporter, project: Exported, path: Path) -> None:
    """Fill the new folder where it lies; it is removed again when that fails."""
    path.mkdir(parents=True)
    try:
        exporter.fill(project, path)
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise


def made(name: str, options: Mapping[str, Any] | None = None) -> Exporter:
    """The exporter of this name with these settings; ``UserError`` for a name or a setting that there is not."""
    kind: type[Exporter] = exporters.get(name)
    known = {item.name for item in dataclasses.fields(kind.Settings)}  # type: ignore[arg-type]
    for given in options or {}:
        if given not in known:
            do = f"The settings there are: {', '.join(sorted(known))}." if known else "Leave it out."
            raise UserError(f"{given} is no setting of the exporter {kind.name}.", "It would be ignored.", do)
    return kind(kind.Settings(**(options or {})))


def content(project: Exported, name: str, suffix: str, options: Mapping[str, Any] | None = None) -> bytes:
    """The bytes that ``export`` would write into one file."""
    with tempfile.TemporaryDirectory() as folder:
        return export(project, name, Path(folder, f"export{suffix}"), options).read_bytes()


def usual(project: Exported) -> tuple[str, str]:
    """The exporter and the format that give the corrected data in the layout that they came in."""
    for name in ("npz", "folders", "chat"):
        if not made(name).missing(project):
            return name, made(name).formats[0]
    suffix = Path(project.data_config.path).suffix.lower()
    formats = made("dataset").formats
    return "dataset", suffix if suffix in formats else formats[0]


def grouped() -> Iterator[tuple[str, list[type[Exporter]]]]:
    """Every exporter by the words of its group, in the groups' order; those of plug-ins that name none come last."""
    each = exporters.each()
    for group, words in [*GROUPS.items(), *[("", OTHER)]]:
        found = [one for one in each if (one.group if one.group in GROUPS else "") == group]
        if found:
            yield words, found


def inside(folder: Path, name: str) -> Path:
    """The path of a new file in an exported folder, its parents made; ``ValueError`` for a name that leads out."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"{name!r} leads out of the exported folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _pack(folder: Path, path: Path) -> None:
    """The folder's files as a zip archive, in the order of their names, with one time for all: the same content gives
    the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for file in sorted(one for one in folder.rglob("*") if one.is_file()):
            about = zipfile.ZipInfo(file.relative_to(folder).as_posix(), (1980, 1, 1, 0, 0, 0))
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o644 << 16
            with archive.open(about, "w", force_zip64=True) as out, open(file, "rb") as stream:
                shutil.copyfileobj(stream, out)
