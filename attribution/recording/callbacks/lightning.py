"""For Lightning's ``Trainer``."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.recording.callbacks.in_order import record_epoch

if TYPE_CHECKING:
    from attribution.recording.recorder import Recorder


def callback(rec: "Recorder", loader: "Iterable[Any] | None" = None) -> Any:
    """A Lightning ``Callback``; ``UserError`` without Lightning."""
    try:
        from lightning import Callback
    except ImportError:
        try:
            from pytorch_lightning import Callback
        except ImportError as error:
            raise UserError(
                "Lightning is not installed.", "Its Trainer is what calls.", "Install it: pip install lightning."
            ) from error

    class Recording(Callback):  # type: ignore[misc]
        """Counts steps, and ends an epoch of the recording with one pass over the training data in order."""

        def on_train_start(self, trainer: Any, module: Any) -> None:
            rec.optimizer = next(iter(trainer.optimizers), rec.optimizer)

        def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
            rec.step()

        def on_train_epoch_end(self, trainer: Any, module: Any) -> None:
            if loader is None:
                record_epoch(rec, trainer.train_dataloader)
            else:
                rec.epoch(evaluate=loader)

    return Recording()
