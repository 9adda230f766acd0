"""``attribution.record``: the door to the recorder and its callbacks; nothing is imported before one is asked for."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from attribution.recording.settings import RecordConfig
from attribution.settings.configs import from_dict

if TYPE_CHECKING:
    from torch import nn, optim

    from attribution.recording.recorder import Recorder


@final
class Record:
    """Called, it starts a recording; its methods put one into other people's loops."""

    def __call__(
        self,
        folder: str | Path,
        model: "nn.Module",
        ids: Sequence[Any] | None = None,
        *,
        optimizer: "optim.Optimizer | None" = None,
        **settings: Any,
    ) -> "Recorder":
        """Record a training loop into ``folder``: per sample and epoch its loss, margin, prediction and confidence, the
        order of batches, learning rates and checkpoints.

            rec = attribution.record("runs/mine", model, ids=train_ids, optimizer=optimizer)
            for epoch in range(epochs):
                for x, y, ids in loader: ...; rec.log(ids, logits, y)
                rec.epoch()

        ``ids`` are those of the project's samples, in the order of the training set (None: as they come). With
        ``optimizer`` its learning rate is read at every ``log``, and TracIn is in nats for SGD; else give
        ``rec.epoch(lr=...)``. ``settings`` are those of ``RecordConfig``: ``task``, ``classes``, ``every``, ``resume``,
        ``seed``, ``note``.

        Costs, in each step, a reference to the outputs; after an epoch one copy of them to the CPU and a checkpoint.
        ``UserError`` for a folder that holds a recording already.
        """
        from attribution.recording.recorder import Recorder

        given = {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
        return Recorder(Path(folder).expanduser(), model, ids, optimizer, from_dict(RecordConfig, given))

    def for_transformers(self, rec: "Recorder", dataset: Any = None) -> Any:
        """A ``TrainerCallback`` of Hugging Face that records after every epoch with one pass in eval mode over the
        training data (``dataset``: another than the trainer's), whose samples are ``rec``'s ids in their order."""
        from attribution.recording.callbacks.transformers import callback

        return callback(rec, dataset)

    def for_lightning(self, rec: "Recorder", loader: "Iterable[Any] | None" = None) -> Any:
        """A Lightning ``Callback`` that records after every epoch with one pass in eval mode over ``loader`` (None: the
        trainer's training data in order)."""
        from attribution.recording.callbacks.lightning import callback

        return callback(rec, loader)

    def for_epochs(self, rec: "Recorder", loader: "Iterable[Any]") -> Any:
        """A callback with ``on_epoch_end(epoch, logs)``, as Keras calls it (skorch: ``on_epoch_end(net, ...)``): one
        pass in eval mode over ``loader``; ``logs["learning_rate"]`` (or ``lr``) is kept where it is there."""
        from attribution.recording.callbacks.epochs import EpochCallback

        return EpochCallback(rec, loader)


record = Record()
