"""Read classes from Label Studio's JSON export: the choices of each task, with its picture or text."""

from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from attribution.datasets.address import Address, address_of
from attribution.datasets.pictures import SUFFIXES as PICTURES
from attribution.datasets.readers import register
from attribution.datasets.readers.coco import holds
from attribution.datasets.readers.json_table import JsonTable, document
from attribution.datasets.readers.table import source_of, tidied
from attribution.datasets.source import Source
from attribution.datasets.stored import Stored
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd

SIGNS = (b'"annotations"', b'"data"', b'"result"')
LABEL = "choice"
UPLOADED = 9  # letters and a dash before the name of an uploaded file


@register("label-studio")
class LabelStudio(JsonTable):
    """Pictures or texts with the choice of their last annotation; with several choices where that is the task."""

    title = "a Label Studio export"
    summary = "Choices of Label Studio's JSON export, for pictures that lie beside it or for texts."
    suffixes = ()

    def sniff(self, path: Path, folder: bool) -> int:
        return 3 if not folder and path.suffix.lower() == ".json" and holds(path, SIGNS) else 0

    def read(self, config: DataConfig) -> Source:
        address = address_of(config.path)
        problems: list[dict[str, Any]] = []
        frame, stored = self.frame(address, (), problems, config.max_gigabytes)
        label = config.label if config.label in frame else LABEL
        words = [
            name for name in frame if name != label and frame[name].map(lambda value: isinstance(value, str)).all()
        ]
        pictures = [name for name in words if PurePosixPath(frame[name].iloc[0]).suffix.lower() in PICTURES]
        text = config.text or ("" if pictures or config.features or len(words) != 1 else words[0])
        return source_of(frame, tidied(replace(config, label=label, text=text)), address.path, problems, stored)

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        return _frame(address.path, max_gigabytes), {}

    def first_rows(self, words: str, count: int) -> "pd.DataFrame":
        return _frame(address_of(str(words)).path, 0.0).head(count)


def _frame(path: Path, max_gigabytes: float) -> "pd.DataFrame":
    import pandas as pd

    try:
        lines = [_line(task) for task in document(path, max_gigabytes)]
    except (KeyError, TypeError, AttributeError, IndexError) as cause:
        raise UserError(
            f"{path.name} is not whole as a Label Studio export: {cause!r}.",
            "Each task needs data and annotations with a result.",
            "Export it again, as JSON.",
        ) from cause
    return pd.DataFrame(lines)


def _line(task: dict[str, Any]) -> dict[str, Any]:
    """What a task shows, and the choice of its last annotation that was not skipped."""
    shown = {str(name): _file(value) if isinstance(value, str) else value for name, value in task["data"].items()}
    done = [one for one in task["annotations"] if not one.get("was_cancelled")]
    results = done[-1]["result"] if done else []
    choices = [choice for one in results if one["type"] == "choices" for choice in one["value"]["choices"]]
    return {**shown, LABEL: choices[0] if len(choices) == 1 else choices or None}


def _file(value: str) -> str:
    """The name of a picture as it lies on disk: without the address that Label Studio puts before it."""
    place = value.partition("?d=")[2] or value
    if PurePosixPath(place).suffix.lower() not in PICTURES or "\n" in place:
        return value
    if value.startswith("/data/upload/"):
        name = place.rpartition("/")[2]
        return unquote(name[UPLOADED:] if name[UPLOADED - 1 : UPLOADED] == "-" else name)
    return unquote(place.rpartition("/")[2] if "://" in place else place)
