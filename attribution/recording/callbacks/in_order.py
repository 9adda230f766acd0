"""A pass over a data set in its own order, whose ids are therefore known."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch.utils.data import DataLoader

from attribution.recording.asking import TARGETS, Answer, on_device, taken

if TYPE_CHECKING:
    from attribution.recording.recorder import Recorder


def record_epoch(rec: "Recorder", theirs: Any, data: Any = None, size: int | None = None) -> None:
    """End an epoch of the recording with one pass in eval mode over the data of a loader of theirs (``data``: other
    data), in order."""
    loader = DataLoader(
        theirs.dataset if data is None else data, size or theirs.batch_size, collate_fn=theirs.collate_fn
    )
    rec.epoch(evaluate=loader, forward=InOrder(rec))


class InOrder:
    """Asks the model about batches ``(inputs ..., targets)``, or mappings with ``labels``, and gives them the
    recording's ids, one after the other."""

    def __init__(self, rec: "Recorder") -> None:
        self._rec = rec
        self._at = 0

    def __call__(self, batch: Any) -> Answer:
        model = self._rec.model
        given = on_device(batch, next(model.parameters()).device)
        if isinstance(given, Mapping):
            rest = dict(given)
            targets = taken(rest, TARGETS)
            outputs = model(**rest)
        else:
            *inputs, targets = given
            outputs = model(*inputs)
        first = self._at
        self._at += len(targets)
        ids = self._rec.ids
        return outputs, targets, range(first, self._at) if ids is None else ids[first : self._at]
