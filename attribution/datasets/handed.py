"""What a model is handed of a sample: values as stored, standardised ones, or what a transform makes of it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.kinds import modality
from attribution.errors import UserError

if TYPE_CHECKING:
    import torch

    from attribution.datasets.dataset import Dataset, DatasetInfo

KINDS = ("raw", "standardised", "tokens", "transformed")


@dataclass(frozen=True)
class Inputs:
    """How samples become a model's inputs; text is token ids (b, L) int64 whatever is said here.

    ``standardised``: pictures ``(x / 255 - mean) / std`` and numbers ``(x - mean) / std`` with the training set's own
    figures, words one-hot. ``raw``: pictures ``x / 255`` and numbers as they stand in the data, float32; with ``mean``
    and ``std`` (one per channel or input, or one for all) ``(value - mean) / std``. ``tokens``: the whole numbers of a
    table as int64, for a model with an embedding. ``transformed``: what ``transform`` (``ModelConfig.transform``) makes
    of the sample as the user has it (``Dataset.originals``), of ``shape``; ``identity`` is what it is by content,
    ``mean`` and ``std`` are told where it has such; ``kept``: whether its tensors may be kept on disk.
    """

    kind: str = "standardised"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    transform: str = ""
    shape: tuple[int, ...] = ()
    identity: str = ""
    kept: bool = True

    @property
    def transformed(self) -> bool:
        """Whether a transform makes them."""
        return self.kind == "transformed"

    def shape_of(self, info: "DatasetInfo") -> tuple[int, ...]:
        """The shape of one sample as the model is handed it."""
        return self.shape if self.transformed else tuple(info.shape)

    def request(self) -> dict[str, Any]:
        """What enters a fingerprint; empty for standardised inputs, which is what all models were given before there
        was a choice."""
        if self.transformed:
            return {"inputs": [self.kind, self.identity, list(self.shape)]}
        return {} if self.kind == "standardised" else {"inputs": [self.kind, list(self.mean), list(self.std)]}


STANDARDISED = Inputs()


def tensor(dataset: "Dataset", rows: np.ndarray, device: "str | torch.device", inputs: Inputs) -> "torch.Tensor":
    """The inputs of these rows (int64) on the device; see ``Inputs``. Reads only these rows from disk, of a table's raw
    values all once."""
    return modality(dataset.info.modality).handed(dataset, rows, device, inputs)


def raw_table(dataset: "Dataset") -> np.ndarray:
    """A table's inputs (n, d) float32 as they stand in the data: numbers of the source, a 0 or 1 per word. A dataset
    made of inputs alone is given as it is. ``UserError`` for a value that float32 cannot hold."""
    found = np.array(dataset.inputs, dtype=np.float32)
    for place, column in described(dataset.info):
        with np.errstate(over="ignore"):
            found[:, place] = number(dataset, column, dataset.inputs[:, place])
        bad = np.flatnonzero(~np.isfinite(found[:, place]))
        if len(bad):
            raise UserError(
                f"Sample {dataset.ids[bad[0]]} has a value in column {column['name']} that float32 cannot hold.",
                "The model is handed the values as they are in the data.",
                "Scale the column, or ask for inputs=standardised (--inputs standardised).",
            )
    return found


def token_table(dataset: "Dataset") -> np.ndarray:
    """The same as whole numbers (n, d) int64; ``UserError`` naming the first value that is no token id."""
    if problem := token_problem(dataset):
        raise UserError(
            f"inputs is tokens, but {problem}.",
            "Token ids are whole numbers from 0.",
            "Use inputs=raw, or correct the value.",
        )
    found = np.array(dataset.inputs, dtype=np.int64)
    for place, column in described(dataset.info):
        found[:, place] = number(dataset, column, dataset.inputs[:, place]).astype(np.int64)
    return found


def token_problem(dataset: "Dataset") -> str:
    """Why a dataset cannot be handed as token ids, with its first offending value; empty where it can."""
    return modality(dataset.info.modality).token_problem(dataset)


def table_token_problem(dataset: "Dataset") -> str:
    """The same for a table, by its values."""
    columns = dict(described(dataset.info)) or dict.fromkeys(range(dataset.info.shape[0]))
    for place, column in columns.items():
        values = np.asarray(dataset.inputs[:, place], dtype=np.float64)
        values = values if column is None else number(dataset, column, values)
        bad = np.flatnonzero((values != np.floor(values)) | (values < 0) | (values >= 2**53))
        if len(bad):
            return f"sample {dataset.ids[bad[0]]} has {values[bad[0]]:g} at position {place + 1}"
    return ""


def described(info: "DatasetInfo") -> list[tuple[int, dict[str, Any]]]:
    """Place and description of every number column of a table."""
    columns = info.preprocessing.get("columns") or []
    return [
        (place, column)
        for place, column in enumerate(columns)
        if isinstance(column, dict) and column.get("kind") == "number"
    ]


def unit(info: "DatasetInfo", inputs: Inputs) -> np.ndarray:
    """By how much an input changes when its sample changes by one training standard deviation: (C,) for pictures, (d,)
    for a table."""
    size = inputs.shape_of(info)[0]
    if inputs.kind == "standardised" or (inputs.transformed and not inputs.std):
        return np.ones(size)
    own = modality(info.modality).deviations(info)
    own = own if len(own) in (1, size) else own.mean(keepdims=True)  # colour that a transform makes grey
    return own / (np.asarray(inputs.std, dtype=np.float64) if inputs.std else 1.0)


def number(dataset: "Dataset", column: dict[str, Any], stored: np.ndarray) -> np.ndarray:
    """One number column as in the source; where the source has none, the stored value turned back."""
    back = np.asarray(stored, dtype=np.float64) * float(column["std"]) + float(column["mean"])
    name = f"col:{column['name']}"
    if name not in dataset.column_names:
        return back
    values = dataset.column(name)
    if values.dtype.kind not in "iufb":
        return back
    found = values.to_numpy(dtype=np.float64)
    return np.where(np.isfinite(found), found, column.get("missing", back))


def scaled(x: "torch.Tensor", mean: Any, std: Any) -> "torch.Tensor":
    """``(x - mean) / std`` along dimension 1; empty: as it is."""
    import torch

    shape = (1, -1, *[1] * (x.dim() - 2))
    x = x - torch.tensor(mean, device=x.device).view(shape) if len(mean) else x
    return x / torch.tensor(std, device=x.device).view(shape) if len(std) else x
