"""For loops that call ``on_epoch_end(epoch, logs)``, as Keras and skorch do."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from attribution.recording.recorder import Recorder

RATES = ("learning_rate", "lr")


@final
class EpochCallback:
    """Records an epoch with one pass in eval mode over ``loader``, whose batches are ``(inputs ..., targets, ids)``."""

    def __init__(self, rec: "Recorder", loader: Iterable[Any]) -> None:
        self.rec = rec
        self.loader = loader

    def initialize(self) -> "EpochCallback":
        """Nothing to prepare."""
        return self

    def on_epoch_end(self, epoch: Any = None, logs: Any = None, **rest: Any) -> None:
        """One epoch more; the learning rate is taken from ``logs`` where it is there."""
        told = logs if isinstance(logs, Mapping) else {}
        rate = next((float(told[name]) for name in RATES if name in told), None)
        self.rec.epoch(lr=rate, evaluate=self.loader)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("on_", "set_")):  # the other moments of such loops
            return _nothing
        raise AttributeError(name)


def _nothing(*given: Any, **named: Any) -> None:
    """Nothing happens at this moment."""
