"""Read classes of pictures from a COCO export: one label per picture, from its annotations."""

import mmap
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.address import Address, address_of
from attribution.datasets.packed_text import is_packed
from attribution.datasets.readers import register
from attribution.datasets.readers.base import ROLES
from attribution.datasets.readers.json_table import JsonTable, document
from attribution.datasets.readers.table import source_of, tidied
from attribution.datasets.source import Source, note
from attribution.datasets.stored import Stored
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd

SIGNS = (b'"images"', b'"annotations"', b'"categories"')
FILE, LABEL = "file_name", "category"


@register("coco")
class Coco(JsonTable):
    """Pictures with the one category of their annotations; with several where that is the task."""

    title = "a COCO export"
    summary = "Categories of whole pictures from COCO's images, annotations and categories; the pictures lie beside it."
    suffixes = ()
    kind = "archive"

    def sniff(self, path: Path, folder: bool) -> int:
        return 3 if not folder and path.suffix.lower() == ".json" and holds(path, SIGNS) else 0

    def unused(self, path: Path) -> tuple[str, ...]:
        return ROLES

    def read(self, config: DataConfig) -> Source:
        """A picture whose annotations name several categories has several labels: refused with advice, unless the task
        is about sets of labels."""
        address = address_of(config.path)
        problems: list[dict[str, Any]] = []
        frame, stored = self.frame(address, (), problems, config.max_gigabytes)
        named = replace(config, label=LABEL, id="", text="", split="", group="", features=())
        folder = address.path.parent
        beginning = folder.parent if folder.name.lower() in ("annotations", "labels") else folder
        source = source_of(frame, tidied(named), address.path, problems, stored, beginning)
        if source.header is None:
            raise UserError(
                f"The pictures of {address.path.name} do not lie below {beginning}.",
                f"It names {frame[FILE].iloc[0]!r}.",
                "Put the file beside the folder of its pictures.",
            )
        return source

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        import pandas as pd

        path = address.path
        try:
            found = document(path, max_gigabytes)
            names = {one["id"]: str(one["name"]) for one in found["categories"]}
            labels: dict[Any, list[str]] = defaultdict(list)
            for one in found["annotations"]:
                labels[one["image_id"]].append(names[one["category_id"]])
            lines = [(str(one["file_name"]), _label(labels.get(one["id"], []))) for one in found["images"]]
        except (KeyError, TypeError, AttributeError) as cause:
            raise UserError(
                f"{path.name} is not whole as a COCO export ({type(cause).__name__}: {cause}).",
                "Images need id and file_name, annotations image_id and category_id, categories id and name.",
                "Export it again.",
            ) from cause
        if len(found["annotations"]) > len(lines):
            problems.append(note(path.name, "pictures have several annotations; only their categories are read"))
        return pd.DataFrame(lines, columns=[FILE, LABEL]), {}


def holds(path: Path, signs: tuple[bytes, ...]) -> bool:
    """Whether all these words stand somewhere in a file."""
    if not path.is_file() or is_packed(path) or not path.stat().st_size:
        return False
    with open(path, "rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return all(content.find(sign) >= 0 for sign in signs)


def _label(names: list[str]) -> Any:
    """The category of a picture; a list of several, None for none."""
    different = list(dict.fromkeys(names))
    return different[0] if len(different) == 1 else different or None
