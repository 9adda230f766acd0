"""A finished preview of edits as a folder: what they might do to one model, found without retraining. Reading it needs no torch."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, final

from attribution.comparisons import Change
from attribution.config import PreviewConfig, from_dict
from attribution.storage.artefact import Artefact
from attribution.storage.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


@final
class Preview(Artefact):
    """One model before and after a few steps towards the edited data, on the test samples with the current labels.

    An approximation of one training: its intervals cover the choice of test samples, not the chance in training.
    """

    what: ClassVar[str] = "preview"

    @property
    def asked(self) -> PreviewConfig:
        """The settings."""
        return from_dict(PreviewConfig, self.config["preview"])

    @property
    def before_version(self) -> str:
        """Version of the labels that the model was trained on; ``version`` is the edited one."""
        return str(self.config["before_version"])

    @property
    def verdict(self) -> str:
        """The answer in a sentence."""
        return str(self.config["verdict"])

    @property
    def outcome(self) -> str:
        """better, worse or unclear."""
        return str(self.config["outcome"])

    @property
    def seconds_s(self) -> float:
        """What it took."""
        return float(self.config["seconds_s"])

    @property
    def steps(self) -> list[dict[str, float]]:
        """Each step as taken: loss, objective, gradient, length, residual (see ``gif.Step``)."""
        return list(self.config["steps"])

    @property
    def figures(self) -> dict[str, Any]:
        """Counts: n_test, n_acted, n_fixed, n_broken; share (of the parameters that could move); start (training loss on the edited data
        before the steps, nats); stopped (why no further step was taken)."""
        return {name: self.config[name] for name in ("n_test", "n_acted", "n_fixed", "n_broken", "share", "start", "stopped")}

    @cached_property
    def accuracy(self) -> Change:
        """Test accuracy before and after; one value each, the interval over test samples."""
        return Change.from_json(self.config["accuracy"])

    @cached_property
    def loss(self) -> Change:
        """Mean test loss in nats before and after."""
        return Change.from_json(self.config["loss"])

    def classes(self) -> "pd.DataFrame":
        """Accuracy per class, columns as in ``Comparison.classes``."""
        return self._table("classes")

    def flips(self) -> "pd.DataFrame":
        """Test samples whose prediction became right or wrong, columns as in ``Comparison.flips``."""
        return self._table("flips")

    def predicted(self) -> "pd.DataFrame":
        """Per test sample: row and predicted change of its loss in nats (negative = lower loss)."""
        return self._table("predicted")

    def _table(self, name: str) -> "pd.DataFrame":

        return read_table(self.folder / f"{name}.parquet")
