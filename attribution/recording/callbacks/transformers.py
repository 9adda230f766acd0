"""For the ``Trainer`` of Hugging Face transformers."""

from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.recording.callbacks.in_order import record_epoch

if TYPE_CHECKING:
    from attribution.recording.recorder import Recorder


def callback(rec: "Recorder", dataset: Any = None) -> Any:
    """A ``TrainerCallback``; ``UserError`` without transformers."""
    try:
        from transformers import TrainerCallback
    except ImportError as error:
        raise UserError(
            "transformers is not installed.", "Its Trainer is what calls.", "Install it: pip install transformers."
        ) from error

    class Recording(TrainerCallback):
        """Counts steps, and ends an epoch of the recording with one pass over the training data in order."""

        def on_train_begin(self, args: Any, state: Any, control: Any, **told: Any) -> None:
            rec.optimizer = getattr(told.get("optimizer"), "optimizer", told.get("optimizer")) or rec.optimizer

        def on_step_begin(self, args: Any, state: Any, control: Any, **told: Any) -> None:
            rec.step()

        def on_epoch_end(self, args: Any, state: Any, control: Any, **told: Any) -> None:
            record_epoch(rec, told["train_dataloader"], dataset, args.per_device_eval_batch_size)

    return Recording()
