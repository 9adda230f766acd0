"""A finished preview of edits as a folder: what they might do to one model, found without retraining. Reading it needs
no torch."""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

from attribution.settings.configs import from_dict
from attribution.statistics.track_record import TrackRecord, track_record
from attribution.storage.artefact import Artefact
from attribution.storage.files import read_json
from attribution.storage.tables import read_table
from attribution.studies.preview.study import PreviewConfig
from attribution.studies.retrain.result import Change, read_by_target, read_changes

if TYPE_CHECKING:
    import pandas as pd


@final
class PreviewResult(Artefact):
    """One model before and after a few steps towards the edited data, on the test samples with the current labels.

    An approximation of one training: its intervals cover the choice of test samples, not the chance in training.
    """

    what: ClassVar[str] = "preview"
    drawn_by: ClassVar[str] = "preview"

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
        """The answer in a sentence; it states a size only where previews of this project were checked against
        retraining (``record``)."""
        record = self.record
        if record is not None and record.sizes:
            return (
                f"{self.claim} Checked against retraining in this project: rank correlation {record.rank.estimate:.2f} "
                f"over test samples, real change {record.slope:.2f} of the previewed one."
            )
        if record is None:
            return (
                "Preview: read the order, not the size. Nothing like it was checked against retraining in this project "
                "yet."
            )
        worth = "roughly the order" if record.orders else "not even the order"
        return (
            f"Preview: no size is told. Checked against retraining in this project it foresaw {worth} of the test "
            f"samples' changes (rank correlation {record.rank.estimate:.2f}, real change {record.slope:.2f} of the "
            "previewed one)."
        )

    @property
    def claim(self) -> str:
        """What the moved model itself says, unchecked: a change of the deciding figure with its interval over
        test samples."""
        return str(self.config["verdict"])

    @property
    def outcome(self) -> str:
        """better, worse or unclear; unclear, too, where the size is not to be trusted."""
        return str(self.config["outcome"]) if self.record is not None and self.record.sizes else "unclear"

    @property
    def record(self) -> TrackRecord | None:
        """How the newest preview in this project that has these settings and a retraining between the same labels did;
        None without one."""
        for real in sorted(
            self.folder.parent.parent.glob("retrains/*/config.json"), key=lambda path: -path.stat().st_mtime_ns
        ):
            versions = [read_json(real)[name] for name in ("before_version", "after_version")]
            for path in self.folder.parent.glob("*/config.json"):
                other = PreviewResult(path.parent)
                if [other.before_version, other.version] == versions and other._settings == self._settings:
                    return _record(other.folder / "predicted.parquet", real.parent / "predicted.parquet")
        return None

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.config["preview"].items()
            if name not in ("run", "device", "bootstrap", "level", "seed")
        }

    @property
    def seconds_s(self) -> float:
        """What it took."""
        return float(self.config["seconds_s"])

    @property
    def steps(self) -> list[dict[str, float]]:
        """Each step as taken: loss, objective, gradient, length, residual (see ``gif.Step``)."""
        return list(self.config["steps"])

    @property
    def counts(self) -> dict[str, Any]:
        """Counts: n_test, n_acted, n_fixed, n_broken; share (of the parameters that could move); start (training loss
        on the edited data before the steps, nats); stopped (why no further step was taken)."""
        return {
            name: self.config[name]
            for name in ("n_test", "n_acted", "n_fixed", "n_broken", "share", "start", "stopped")
        }

    @cached_property
    def changes(self) -> dict[str, Change]:
        """The task's figures before and after, one value each, the deciding one first; intervals over test samples."""
        return read_changes(self.config)

    @property
    def main(self) -> Change:
        """The figure that decides."""
        return next(iter(self.changes.values()))

    @property
    def loss(self) -> Change:
        """The mean test loss before and after."""
        return self.changes["loss"]

    def by_target(self) -> "pd.DataFrame":
        """The deciding figure by class or band, columns as in ``RetrainResult.by_target``."""
        return read_by_target(self.folder)

    def flips(self) -> "pd.DataFrame":
        """Test samples whose prediction became right or wrong, columns as in ``RetrainResult.flips``."""
        return self._table("flips")

    def predicted(self) -> "pd.DataFrame":
        """Per test sample: row and predicted change of its loss (negative = lower loss)."""
        return self._table("predicted")

    def acted(self) -> "pd.DataFrame":
        """The training samples acted on, columns as in ``RetrainResult.acted``: the order of ``predicted`` says which
        edits matter most; empty for a preview made before that was kept."""
        import pandas as pd

        return self._table("acted") if (self.folder / "acted.parquet").is_file() else pd.DataFrame()

    def _table(self, name: str) -> "pd.DataFrame":
        return read_table(self.folder / f"{name}.parquet")


@lru_cache(maxsize=32)
def _record(predicted: Path, real: Path) -> TrackRecord:
    """Finished results do not change."""
    return track_record(
        read_table(predicted)[["row", "predicted"]].merge(read_table(real)[["row", "actual"]], on="row")
    )
