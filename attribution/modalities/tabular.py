"""Rows of a table: column and value, in the order of the file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.encode import Encoded, encode_table
from attribution.datasets.handed import Inputs, scaled, table_token_problem
from attribution.datasets.previews import preview_table
from attribution.datasets.source import Source
from attribution.errors import UserError
from attribution.modalities.base import Modality, imported, register, shorten
from attribution.modalities.space import Space, columns_space, numbers_space, raw_columns
from attribution.progress import Progress
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import torch


@register("tabular")
class TabularModality(Modality):
    """The raw ``col:NAME`` values of the samples."""

    title = "rows"
    one = "row"
    shown_as = "columns"
    ways = ("raw", "standardised", "tokens")

    def encode(
        self, source: "Source", samples: "pd.DataFrame", config: "DataConfig", folder: "Path", progress: "Progress"
    ) -> "Encoded":
        return encode_table(source, samples, config, folder, progress)

    def preview(self, source: "Source", samples: "pd.DataFrame", config: "DataConfig") -> dict[str, Any]:
        return preview_table(source, samples, config)

    def found(self, shape: Sequence[int], n: int, sizes: str) -> str:
        return f"{self.count(n)} with {shape[0]:,} model {'input' if shape[0] == 1 else 'inputs'}"

    def original(self, dataset: Dataset, row: int) -> dict[str, Any]:
        """``{column: value}`` as it stands in the data."""
        line = dataset.line(row)
        return {name[4:]: line[name] for name in line.index if name.startswith("col:")}

    def tensor(
        self, dataset: Dataset, rows: np.ndarray, device: "str | torch.device", inputs: Inputs
    ) -> "torch.Tensor":
        """float32 (b, d), standardised or as the values stand in the data; or whole numbers int64."""
        import torch

        if inputs.kind == "standardised":
            return super().tensor(dataset, rows, device, inputs)
        if inputs.kind == "tokens":
            return torch.from_numpy(np.array(dataset.tokens[rows])).to(device)
        return scaled(torch.from_numpy(np.array(dataset.raw[rows])).to(device), inputs.mean, inputs.std)

    def deviations(self, info: DatasetInfo) -> np.ndarray:
        """Of each number column; 1 for the inputs of a category."""
        columns = info.preprocessing.get("columns") or []
        own = [float(column.get("std", 1.0)) if isinstance(column, dict) else 1.0 for column in columns]
        return np.array(own) if own else super().deviations(info)

    def token_problem(self, dataset: Dataset) -> str:
        """The first value that is no whole number."""
        return table_token_problem(dataset)

    def space(self, dataset: Dataset) -> Space:
        names = raw_columns(dataset.samples)
        return columns_space(dataset, names) if names else numbers_space(dataset, "the columns")

    def describe(self, dataset: Dataset, row: int) -> str:
        """All values, cut at 280 characters: "age 39, education Bachelors, ..."."""
        return shorten(", ".join(f"{name} {value}" for name, value in values_of(dataset, row).items()), 280)

    def alt(self, dataset: Dataset, row: int) -> str:
        """The imported label and the values."""
        return f"Row {dataset.ids[row]}, {imported(dataset, row)}: {self.describe(dataset, row)}"

    def movable(self, info: DatasetInfo) -> np.ndarray | None:
        """The number columns: a person is not 0.1 standard deviations more married."""
        columns = info.preprocessing.get("columns") or []
        if not columns:
            return None
        numbers = np.array([column["kind"] == "number" for column in columns])
        if not numbers.any():
            raise UserError(
                "The table has no number column.",
                "Categories cannot be moved by a small amount.",
                "Ask for loss or margin.",
            )
        return numbers

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """The columns as they stood in the data."""
        names = [name for name in dataset.samples if name.startswith("col:")]
        return dataset.samples[names].rename(columns=lambda name: name[4:]).reset_index(drop=True)


def values_of(dataset: Dataset, row: int) -> dict[str, str]:
    """``{column: value as text}`` of a row, numbers without a needless fraction."""
    line = dataset.line(row)
    return {name[4:]: _plain(line[name]) for name in line.index if name.startswith("col:")}


def _plain(value: Any) -> str:
    if value is None or value == "" or value != value:
        return "no value"
    return f"{value:g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
