"""The interface of a modality, and its plug-ins by name."""

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.datasets.handed import Inputs
from attribution.datasets.names import UNLABELLED
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.registry import Registry
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch

    from attribution.datasets.encode import Encoded
    from attribution.datasets.source import Source
    from attribution.modalities.space import Space

modalities = Registry("modality", "attribution.modalities")
register = modalities.register


class Modality(ABC):
    """One kind of data: how samples become arrays and a model's inputs, and how they are shown.

    ``row`` is the sample's row in the dataset; labels shown are the imported ones. What is not said here is that of
    numbers without a shape of their own: they are handed on as ``inputs.npy`` has them.
    """

    name: ClassVar[str]
    title: ClassVar[str]  # many of them: "pictures"
    one: ClassVar[str]  # one of them: "picture"
    size_unit: ClassVar[str] = "numbers"  # what the shape of one counts
    shown_as: ClassVar[str] = "text"  # how two lie side by side: picture, text, columns, chat, or plot (of numbers)
    files: ClassVar[bool] = False  # in a folder, each is a file of its own, and folders may be labels
    network: ClassVar[str] = "mlp"  # the built-in one that ``auto`` means
    networks: ClassVar[tuple[str, ...]] = ("logistic", "mlp")  # the built-in ones that fit, beside it
    recipe: ClassVar[Mapping[str, Any]] = {}  # how its training differs from the usual recipe
    ways: ClassVar[tuple[str, ...]] = ("raw", "standardised")  # in which a model can be handed it
    tokens: ClassVar[bool] = False  # it is token ids, whatever is asked for
    task: ClassVar[str] = ""  # the only one that it is for; "": as the targets are
    axis: ClassVar[str] = "input"  # what a mean and a deviation are one of

    @abstractmethod
    def encode(
        self, source: "Source", samples: "pd.DataFrame", config: "DataConfig", folder: Path, progress: Progress
    ) -> "Encoded":
        """Write ``folder/inputs.npy`` (n, ...) for the samples in their order; what was made of them."""

    def preview(self, source: "Source", samples: "pd.DataFrame", config: "DataConfig") -> dict[str, Any]:
        """``shape``, ``examples``, ``problems`` and ``checked`` of an import that is not made yet
        (``datasets.load.preview``). Here: by encoding them all for nothing."""
        from attribution.datasets.previews import examples_of, spread

        with tempfile.TemporaryDirectory() as folder:
            encoded = self.encode(source, samples, config, Path(folder), Progress())
        examples = [{**one, "text": one["source"]} for one in examples_of(spread(samples, 12))]
        found = {"shape": encoded.shape, "examples": examples, "problems": encoded.problems}
        return {**found, "checked": len(samples)}

    def found(self, shape: Sequence[int], n: int, sizes: str) -> str:
        """What an import found, in words: "6,000 pictures of 28 × 28 pixels"; ``sizes`` are those of the files, where
        they differ."""
        return f"{self.count(n)} of {self.shape_words(shape)}"

    def count(self, n: int) -> str:
        """ "1 picture", "6,000 pictures"."""
        return f"{n:,} {self.one if n == 1 else self.title}"

    def shape_words(self, shape: Sequence[int]) -> str:
        """What the model is given for one sample, in words: "1 × 28 × 28 pixels", "48 tokens"."""
        return f"{' × '.join(map(str, shape))} {self.size_unit}"

    def handed(
        self, dataset: Dataset, rows: "np.ndarray", device: "str | torch.device", inputs: Inputs
    ) -> "torch.Tensor":
        """What a model is handed of these rows: ``tensor``, or what its transform makes of them."""
        if inputs.transformed:
            from attribution.transforms.handing import transformed

            return transformed(dataset, rows, device, inputs)
        return self.tensor(dataset, rows, device, inputs)

    def original(self, dataset: Dataset, row: int) -> Any:
        """A sample as the user has it, for a transform (``Dataset.originals``)."""
        import numpy as np

        return np.array(dataset.inputs[row])

    def tensor(
        self, dataset: Dataset, rows: "np.ndarray", device: "str | torch.device", inputs: Inputs
    ) -> "torch.Tensor":
        """A model's inputs for these rows on the device; reads only them."""
        import numpy as np
        import torch

        return torch.from_numpy(np.array(dataset.inputs[rows]).astype(np.float32)).to(device)

    def deviations(self, info: DatasetInfo) -> "np.ndarray":
        """The training standard deviation of each input (or channel), in what raw inputs are counted in."""
        import numpy as np

        return np.ones(info.shape[0])

    def token_problem(self, dataset: Dataset) -> str:
        """Why the samples cannot be handed as token ids; "" where they can."""
        return "" if self.tokens else f"{self.title} are no token ids"

    def attackable(self, info: DatasetInfo) -> bool:
        """Whether an attack can move them."""
        try:
            self.movable(info)
        except UserError:
            return False
        return True

    def space(self, dataset: Dataset) -> "Space":
        """What a classifier that tells test from training samples is given."""
        from attribution.modalities.space import numbers_space

        return numbers_space(dataset, "the numbers")

    def thumbnail(self, dataset: Dataset, row: int, size: int = 96) -> bytes | None:
        """A PNG of at most ``size`` pixels a side, or None for what has no picture."""
        return None

    def movable(self, info: DatasetInfo) -> "np.ndarray | None":
        """Which inputs an attack may move (d,) bool; None for all. ``UserError`` where none can be."""
        return None

    def limits(self, info: DatasetInfo, inputs: Inputs) -> "tuple[np.ndarray, np.ndarray] | None":
        """Lowest and highest value per channel that a sample can have, as the model sees it; None without such."""
        return None

    @abstractmethod
    def describe(self, dataset: Dataset, row: int) -> str:
        """The sample in one short plain text, as a card shows it."""

    def line(self, dataset: Dataset, row: int, letters: int = 80) -> str:
        """The sample in a line of a table."""
        return shorten(self.describe(dataset, row), letters)

    @abstractmethod
    def alt(self, dataset: Dataset, row: int) -> str:
        """The sample in one sentence that can stand in for seeing it."""

    def full(self, dataset: Dataset, row: int) -> str:
        """The sample as text, whole: what two of them are compared by where they are shown as text."""
        return self.describe(dataset, row)

    def columns(self, dataset: Dataset) -> "pd.DataFrame":
        """What the samples are, a line each in row order, as a table that an import reads again; nothing where they
        are no table."""
        import pandas as pd

        return pd.DataFrame(index=pd.RangeIndex(len(dataset)))


def modality_of(dataset: Dataset) -> Modality:
    """The plug-in for the dataset's modality; ``UserError`` for an unknown one."""
    return modalities.get(dataset.info.modality)()


def thumbnail(dataset: Dataset, row: int, size: int = 96) -> bytes | None:
    """PNG bytes of an image sample, None for other modalities."""
    return modality_of(dataset).thumbnail(dataset, int(row), size)


def describe(dataset: Dataset, row: int) -> str:
    """Short plain text of a sample."""
    return modality_of(dataset).describe(dataset, int(row))


def line(dataset: Dataset, row: int) -> str:
    """A sample in a line of a table, about 80 letters."""
    return modality_of(dataset).line(dataset, int(row))


def full_text(dataset: Dataset, row: int) -> str:
    """A sample as text, whole."""
    return modality_of(dataset).full(dataset, int(row))


def alt(dataset: Dataset, row: int) -> str:
    """One sentence of alternative text for a sample."""
    return modality_of(dataset).alt(dataset, int(row))


def imported(dataset: Dataset, row: int) -> str:
    """The target that the sample came with: "imported with the label cat"."""
    targets = dataset.task.targets
    word = targets.word(dataset.labels[row])
    return f"imported with the {targets.noun} {word}" if word else f"imported with {UNLABELLED}"


def shorten(text: str, limit: int) -> str:
    """Text cut at a word to at most ``limit`` characters, with an ellipsis where something was cut."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    return (cut[: cut.rindex(" ")] if " " in cut[limit // 2 :] else cut).rstrip(" ,.;:") + "…"
