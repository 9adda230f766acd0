"""What was trained elsewhere becomes a run of the project: weights, recordings, and predictions without a model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.progress import Progress
from attribution.recording.layout import is_recording
from attribution.settings.configs import TrainConfig
from attribution.studies.base import Context

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.run import Run

__all__ = ["from_checkpoints", "from_recording", "is_recording", "labels_of"]


def labels_of(
    version: str, dataset: "Dataset", labels_at: "Callable[[str], Labels | None]", current: "Labels"
) -> "Labels":
    """The labels that ``current``, ``base`` or a version (its first letters will do) stands for; ``UserError`` for one
    that this ledger never had."""
    if version == "current":
        return current
    base = dataset.base_version()
    if version == "base":
        return base
    for known in (current, base):
        if version and known.version.startswith(version):
            return known
    found = labels_at(version)
    if found is None:
        raise UserError(
            f"There is no data version {version!r}.",
            "A run belongs to the labels that it was trained on.",
            "Use current, base, or one of project.versions().",
        )
    return found


def from_recording(context: Context, folder: str | Path, device: str, progress: Progress) -> "Run":
    """The run of a recording (``attribution.record``) on the context's labels; it becomes the current model."""
    from attribution.recording.recorded import Recorded
    from attribution.training.train import adopt

    found = Recorded.open(folder)
    known = found.known(context.dataset, context.labels)
    model = replace(context.model, checkpoints=tuple(map(str, found.checkpoints)), checkpoint_lr=())
    runs = context.folder / "runs"
    how: dict[str, Any] = {"trusted": context.trusted, "device": device, "known": known}
    run = adopt(context.dataset, context.labels, model, runs, progress, **how)
    context.use(run.id)
    if missing := known.about["recorded"]["missing"]:
        progress.update(1, 1, f"{missing:,} training samples were never recorded; they have no record per epoch")
    return run


def from_checkpoints(
    context: Context, files: Sequence[str | Path], rates: Sequence[float], device: str, progress: Progress
) -> "Run":
    """The run of these weights on the context's labels; it becomes the current model."""
    if not files:
        raise UserError("No checkpoint was named.", "There are no weights to load.", "Name at least one file.")
    from attribution.studies.train.run import made

    names = [str(path) if path == "builder" else str(Path(path).expanduser().resolve()) for path in files]
    return made(context, TrainConfig(device=device), progress, checkpoints=names, rates=list(rates))
