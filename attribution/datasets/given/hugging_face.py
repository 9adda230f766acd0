"""Hugging Face: a Dataset with its features; a DatasetDict is a mapping of them by split."""

from collections.abc import Iterator
from typing import Any

from attribution.datasets.given import register
from attribution.datasets.given.base import Kind, Part, Row, Wanted
from attribution.errors import UserError


@register("datasets")
class HuggingFace(Kind):
    """Rows as they are stored: a format or a transform that was set is put aside."""

    title = "a Hugging Face Dataset or DatasetDict"
    types = ("datasets:Dataset", "datasets:IterableDataset", "datasets:IterableDatasetDict")

    def part(self, data: Any, wanted: Wanted) -> Part:
        if type(data).__qualname__.startswith("Iterable"):
            raise UserError(
                "The data is an IterableDataset, which can only be walked through.",
                "Samples are looked up by their place.",
                "Load it without streaming=True, or pass a part: Dataset.from_list(list(data.take(10_000))).",
            )
        features = dict(data.features)
        kinds = {name: type(feature).__name__ for name, feature in features.items()}
        classes = {name: list(features[name].names) for name, kind in kinds.items() if kind == "ClassLabel"}
        data = data.with_format(None)
        if not any(_content(feature) for name, feature in features.items() if name != wanted.config.label):
            return Part(len(data), table=data.with_format("arrow")[:], names=classes)
        for name, kind in kinds.items():
            if kind == "Image":
                data = data.cast_column(name, type(features[name])(decode=False))
        return Part(len(data), rows=lambda: _rows(data, wanted), names=classes)


def _content(feature: Any) -> bool:
    """Whether a column holds pictures, or lists of numbers."""
    if type(feature).__name__ == "Image" or type(feature).__name__.startswith("Array"):
        return True
    inner = getattr(feature, "feature", feature[0] if isinstance(feature, list) else None)
    if inner is None:
        return False
    return _content(inner) or str(getattr(inner, "dtype", "")).startswith(("int", "float", "uint"))


def _rows(data: Any, wanted: Wanted) -> Iterator[Row]:
    names = wanted.fields
    return ({name: row[name] for name in names} if names else row for row in data)
