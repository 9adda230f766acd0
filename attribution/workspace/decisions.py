"""Decisions on samples by row number, over the ledger that knows them by id; and the labelled version that they add up to."""

import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from attribution.errors import UserError
from attribution.storage.ledger import Edit, Ledger, State

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels


@dataclass(frozen=True)
class SampleState:
    """One sample as the ledger sees it now. ``version`` is the id of its last edit (0: untouched)."""

    row: int
    label: int
    active: bool
    verdict: str
    base_label: int
    version: int


@dataclass(frozen=True)
class Standing:
    """What a ledger adds up to: the labelled version, and the table of ``Project.states``."""

    labels: "Labels"
    states: "pd.DataFrame"


Key = tuple[str, str, int, float]  # database, data, and the newest entry's id and time
KEPT = 6  # standings in memory: 9 bytes per sample each
_standings: "OrderedDict[Key, Standing]" = OrderedDict()
_versions: dict[Key, str] = {}  # the ledger is append-only, so what an entry led to stays true
_lock = Lock()


class Decisions:
    """The ledger of one dataset. Row numbers in, row numbers out; ids only on disk, where they must last."""

    def __init__(self, database: Path, dataset: "Dataset") -> None:
        self._dataset, self._database = dataset, database

        self.ledger = Ledger(database, lambda samples: dataset.labels[dataset.rows_of(samples)].tolist())

    def labels(self) -> "Labels":
        """The current version: base labels plus edits."""
        return self._standing().labels

    def _key(self, entry: int, time_s: float) -> Key:
        return str(self._database), self._dataset.info.base_hash, entry, time_s

    def _standing(self) -> Standing:
        """Labels and states, computed once per ledger entry: a page asks at every click, and a million labels take a while to hash."""
        key = self._key(*self.ledger.stamp())
        with _lock:
            found = _standings.get(key)
            if found is not None:
                _standings.move_to_end(key)
                return found
        found = self._added_up()
        with _lock:
            _versions[key] = found.labels.version
            _standings[key] = found
            while len(_standings) > KEPT:
                _standings.popitem(last=False)
        return found

    def _added_up(self) -> Standing:
        import numpy as np
        import pandas as pd

        from attribution.datasets.dataset import Labels

        states = self.ledger.states()
        rows = self._dataset.rows_of(list(states))
        table = pd.DataFrame(
            {
                "label": [state.label for state, _ in states.values()],
                "active": [state.active for state, _ in states.values()],
                "verdict": [state.verdict for state, _ in states.values()],
                "base_label": self._dataset.labels[rows],
                "edit": [edit for _, edit in states.values()],
            },
            index=pd.Index(rows, name="row"),
        )
        values, active = self._dataset.labels.copy(), np.ones(len(self._dataset), dtype=bool)
        values[rows], active[rows] = table["label"].to_numpy(dtype=np.int64), table["active"].to_numpy(dtype=bool)
        return Standing(Labels.of(self._dataset, values, active), table)

    def labels_at(self, version: str) -> "Labels | None":
        """The labelled version of this name, as the ledger once had it after a batch of edits; None if it never did."""
        import numpy as np

        from attribution.datasets.dataset import Labels

        base = self._dataset.base_version()
        values, active = base.values.copy(), np.ones(len(self._dataset), dtype=bool)
        if base.version == version:
            return base
        edits = self.ledger.entries()
        rows = iter(self._dataset.rows_of([edit.sample for edit in edits]))
        for _, batch in itertools.groupby(edits, key=lambda edit: edit.batch):
            for edit in batch:
                row = next(rows)
                values[row], active[row] = edit.new.label, edit.new.active
            key = self._key(edit.id, edit.time_s)
            if _versions.get(key, version) == version:
                found = Labels.of(self._dataset, values, active)
                _versions[key] = found.version
                if found.version == version:
                    return found
        return None

    def state(self, row: int) -> SampleState:
        """One sample's current label, whether it is trained on, and the review's verdict."""
        state, version = self.ledger.state(str(self._dataset.ids[row]))
        return SampleState(row, state.label, state.active, state.verdict, int(self._dataset.labels[row]), version)

    def states(self) -> "pd.DataFrame":
        """The samples with entries, indexed by row; columns as in ``Project.states``."""
        return self._standing().states.copy()

    def decide(
        self,
        action: str,
        rows: "Sequence[int] | np.ndarray",
        label: int | Mapping[int, int] | None = None,
        *,
        reason: str = "",
        evidence: Mapping[str, Any] | None = None,
        expect: Mapping[int, int] | None = None,
    ) -> list[Edit]:
        """One batch of the same decision; ``label`` is one for all rows, or maps each row to its own; ``expect`` maps rows to the edit ids
        that were on screen."""
        ids = self._dataset.ids
        if isinstance(label, Mapping):
            wanted: int | Mapping[str, int] | None = {str(ids[row]): one for row, one in label.items()}
        else:
            wanted = label
        seen = {str(ids[row]): version for row, version in expect.items()} if expect is not None else None
        return self.ledger.apply(action, [str(ids[int(row)]) for row in rows], wanted, reason=reason, evidence=evidence, expect=seen)

    def table(self) -> "pd.DataFrame":
        """The ledger, newest first; columns as in ``Project.edits``."""
        import pandas as pd

        gone = self.ledger.reverted()
        lines = [
            {
                "id": edit.id,
                "time": edit.time_s,
                "author": edit.author,
                "sample": edit.sample,
                "action": edit.action,
                "old": self._words(edit.old),
                "new": self._words(edit.new),
                "reason": edit.reason,
                "evidence": edit.evidence,
                "batch": edit.batch,
                "reverts": edit.reverts,
                "reverted": edit.id in gone,
            }
            for edit in reversed(self.ledger.entries())
        ]
        columns = ["id", "time", "author", "sample", "action", "old", "new", "reason", "evidence", "batch", "reverts", "reverted"]
        frame = pd.DataFrame(lines, columns=columns)
        frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True)
        frame["reverts"] = frame["reverts"].astype("Int64")
        frame.insert(3, "row", self._dataset.rows_of(frame["sample"].tolist()))
        return frame

    def _words(self, state: State) -> str:
        return self._dataset.info.classes[state.label] + ("" if state.active else ", dropped")

    def class_index(self, label: int | str) -> int:
        """Index of a class given by name or index; ``UserError`` listing the classes otherwise."""
        classes = self._dataset.info.classes
        if isinstance(label, str) and label in classes:
            return classes.index(label)
        if isinstance(label, str) or not 0 <= int(label) < len(classes):
            raise UserError(f"There is no class {label!r}.", "", f"Choose one of: {', '.join(classes)}.")
        return int(label)
