"""Read fastText's training files: a text a line, its labels before it as ``__label__x``."""

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.address import Address
from attribution.datasets.frames import decoding, encoding_of, must_be_text
from attribution.datasets.packed_text import ending, opened_bytes, opened_text, text_size
from attribution.datasets.readers import register
from attribution.datasets.readers.base import ROLES
from attribution.datasets.readers.table import Rows
from attribution.datasets.sizes import check_memory
from attribution.datasets.source import Source
from attribution.datasets.stored import Stored
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd

MARK = "__label__"
_LABEL = re.compile(r"__label__(\S+)")


@register("fasttext")
class FastText(Rows):
    """Texts with one label each, or with several where that is the task."""

    title = "a fastText file"
    summary = "Texts with their labels, one a line: __label__spam Dear friend ..."
    suffixes = (".txt", ".ft.txt", ".txt.gz")
    kind = "archive"

    def sniff(self, path: Path, folder: bool) -> int:
        if folder or ending(path) not in self.suffixes:
            return 0
        if not path.is_file():
            return 2
        with opened_bytes(path) as stream:
            return 2 if MARK.encode() in stream.read(1 << 16) else 0

    def unused(self, path: Path) -> tuple[str, ...]:
        return ROLES

    def read(self, config: DataConfig) -> Source:
        named = replace(config, text="text", label="label", id="", split="", group="", features=())
        return super().read(named)

    def frame(
        self, address: Address, as_text: tuple[str, ...], problems: list[dict[str, Any]], max_gigabytes: float
    ) -> tuple["pd.DataFrame", dict[str, Stored]]:
        import pandas as pd

        path = address.files()[0]
        check_memory(path, 0, 0, 3 * text_size(path, max_gigabytes), max_gigabytes)
        must_be_text(path)
        encoding = encoding_of(path)
        with decoding(path, encoding), opened_text(path, encoding) as stream:
            lines = [_taken_apart(line) for line in stream if line.strip()]
        return pd.DataFrame(lines, columns=["label", "text"]), {}


def _taken_apart(line: str) -> tuple[Any, str]:
    """The label of a line (a list of several) and its text without them."""
    labels = _LABEL.findall(line)
    text = " ".join(_LABEL.sub(" ", line).split())
    return (labels[0] if len(labels) == 1 else labels or None), text
