"""Decisions on samples by row number, over the ledger that knows them by id; and the labelled version that they add up
to."""

import itertools
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from attribution.datasets.names import UNLABELLED
from attribution.errors import UserError
from attribution.storage import history
from attribution.storage.history import Wanted
from attribution.storage.ledger import UNKNOWN, Edit, Ledger
from attribution.storage.states import MARKS, VERDICTS, State, decides, mark_value, words_of

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.tasks.targets import Targets


@dataclass(frozen=True)
class SampleState:
    """One sample as the ledger sees it now. ``version`` is the id of its last edit (0: untouched)."""

    row: int
    label: Any
    active: bool
    verdict: str
    base_label: Any
    version: int


@dataclass(frozen=True)
class Standing:
    """What a ledger adds up to: the labelled version, and per row the id of the last edit (0: none) and the place of
    its verdict in ``VERDICTS``. Read-only arrays, n values each. ``marks`` are the states of the rows that have any."""

    labels: "Labels"
    edits: "np.ndarray"
    verdicts: "np.ndarray"
    marks: "dict[int, State]"


Key = tuple[str, str, int, float]  # database, data, and the newest entry's id and time
KEPT = 4  # standings in memory: 18 bytes per sample each
_standings: "OrderedDict[Key, Standing]" = OrderedDict()
_lock = Lock()


class Decisions:
    """The ledger of one dataset. Row numbers and values in and out; ids and words only on disk, where they
    must last."""

    def __init__(self, database: Path, dataset: "Dataset") -> None:
        self._dataset, self._database = dataset, database
        self.ledger = Ledger(database, self._base_words, self._split)

    def labels(self) -> "Labels":
        """The current version: base labels plus edits."""
        return self._standing().labels

    def _key(self, entry: int, time_s: float) -> Key:
        return str(self._database), self._dataset.info.base_hash, entry, time_s

    def _standing(self) -> Standing:
        """Labels and states, once per ledger entry, from what was known at an earlier one and the samples that changed
        since."""
        key = self._key(*self.ledger.stamp())
        with _lock:
            if key in _standings:
                _standings.move_to_end(key)
                return _standings[key]
            earlier = [known for known in _standings if known[:2] == key[:2] and known[2] < key[2]]
        known = max(earlier, key=lambda one: one[2], default=None)
        if known is not None and known[2] and self.ledger.time_of(known[2]) != known[3]:
            known = None  # another ledger was put in its place
        with _lock:
            found = self._changed(_standings.get(known) if known else None, known[2] if known else 0)
            _standings[key] = found
            while len(_standings) > KEPT:
                _standings.popitem(last=False)
        if key[2]:
            self.ledger.remember(found.labels.version, key[2])
        return found

    def _changed(self, known: Standing | None, since: int) -> Standing:
        """``known``, or the base labels, with what the ledger says of the samples that changed after the entry
        ``since``."""
        import numpy as np

        from attribution.datasets.dataset import Labels

        n = len(self._dataset)
        if known is None:
            since = 0
            values = self._dataset.labels.copy()
            active = self._dataset.labelled.copy()
            edits, verdicts = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int8)
            marks: dict[int, State] = {}
        else:
            values, active = known.labels.values.copy(), known.labels.active.copy()
            edits, verdicts = known.edits.copy(), known.verdicts.copy()
            marks = dict(known.marks)
        for samples, states, ids in self.ledger.changes(since):
            rows = self._dataset.rows_of(samples)
            values[rows] = [self._value(state.label) for state in states]
            active[rows] = [state.active for state in states]
            verdicts[rows] = [VERDICTS.index(state.verdict) for state in states]
            edits[rows] = ids
            _put(marks, rows, states)
        edits.flags.writeable = verdicts.flags.writeable = False
        return Standing(Labels.of(self._dataset, values, active), edits, verdicts, marks)

    def labels_at(self, version: str) -> "Labels | None":
        """The labelled version of this name, as the ledger once had it after a batch of edits; None if it never did.

        What was ever current is found by its name; a version from before names were kept is looked for once, batch by
        batch.
        """
        base = self._dataset.base_version()
        now = self.labels()
        if version in (base.version, now.version):
            return base if version == base.version else now
        entry = self.ledger.entry_of(version)
        if entry == UNKNOWN:
            entry = self._looked_for(version)
            self.ledger.remember(version, entry)
        return None if entry is None else self._labels_then(now, entry)

    def _labels_then(self, now: "Labels", entry: int) -> "Labels":
        """The labels when ``entry`` was the newest."""
        from attribution.datasets.dataset import Labels

        values, active = now.values.copy(), now.active.copy()
        states = self.ledger.states_then(entry)
        rows = self._dataset.rows_of(list(states))
        base = self._dataset.labels[rows]
        values[rows] = [self._value(state.label) if state else base[at] for at, state in enumerate(states.values())]
        there = self._dataset.labelled[rows]
        active[rows] = [state.active if state else there[at] for at, state in enumerate(states.values())]
        return Labels.of(self._dataset, values, active)

    def _looked_for(self, version: str) -> int | None:
        """The entry after which the labels were this version, by going through the ledger; None if they never were."""

        from attribution.datasets.dataset import Labels

        values, active = self._dataset.labels.copy(), self._dataset.labelled.copy()
        edits = self.ledger.entries()
        rows = iter(self._dataset.rows_of([edit.sample for edit in edits]))
        for _, batch in itertools.groupby(edits, key=lambda edit: edit.batch):
            for edit in batch:
                row = next(rows)
                values[row] = self._value(edit.new.label)
                active[row] = edit.new.active
            if Labels.of(self._dataset, values, active).version == version:
                return edit.id
        return None

    def _value(self, word: str) -> Any:
        """The value of a label word of the ledger."""
        if word not in self._known:
            try:
                self._known[word] = self._targets.encode([word]).tolist()[0]
            except UserError as error:
                raise UserError(
                    f"The ledger gives the {self._targets.noun} {word!r}, which is none of {self._dataset.info.name}.",
                    "It may belong to other data.",
                    f"{error.do} Put a copy of project.db or data in its place.",
                ) from error
        return self._known[word]

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {}

    @property
    def _targets(self) -> "Targets":
        return self._dataset.task.targets

    def _base_words(self, samples: list[str]) -> list[str]:
        return self._targets.words(self._dataset.labels[self._dataset.rows_of(samples)])

    def _split(self, sample: str) -> str:
        row = self._dataset.row_of(sample)
        return "" if row is None else self._dataset.split_of(row)

    def state(self, row: int) -> SampleState:
        """One sample's current label, whether it is trained on, and the review's verdict."""
        state, version = self.ledger.state(str(self._dataset.ids[row]))
        return SampleState(
            row,
            self._value(state.label),
            state.active,
            state.verdict,
            self._dataset.labels[row].item(),
            version,
        )

    def states(self) -> "pd.DataFrame":
        """The samples with entries, indexed by row; columns as in ``Project.states``."""
        import numpy as np
        import pandas as pd

        standing = self._standing()
        rows = np.flatnonzero(standing.edits)
        return pd.DataFrame(
            {
                "label": standing.labels.values[rows],
                "active": standing.labels.active[rows],
                "verdict": np.array(VERDICTS, dtype=object)[standing.verdicts[rows]],
                "base_label": self._dataset.labels[rows],
                "edit": standing.edits[rows],
            },
            index=pd.Index(rows, name="row"),
        )

    def marks(self) -> "pd.DataFrame":
        """The samples with marks, indexed by row; columns as in ``Project.marks``."""
        import pandas as pd

        marks = self._standing().marks
        rows = sorted(marks)
        return pd.DataFrame(
            {
                "tags": pd.Series([marks[row].tags for row in rows], dtype=object),
                "note": pd.Series([marks[row].note for row in rows], dtype=object),
                "unsure": pd.Series([marks[row].unsure for row in rows], dtype=bool),
            }
        ).set_index(pd.Index(rows, name="row", dtype="int64"))

    def decide(
        self,
        action: str,
        rows: "Sequence[int] | np.ndarray",
        label: Any = None,
        *,
        reason: str = "",
        evidence: Mapping[str, Any] | None = None,
        expect: Mapping[int, int] | None = None,
    ) -> list[Edit]:
        """One batch of the same decision or mark; ``label`` (of a mark its words) is one for all rows, or maps each
        row to its own; ``expect`` maps rows to the edit ids that were on screen."""
        ids = self._dataset.ids
        if action == "keep":
            self._refuse_bare(rows)
        if action in MARKS:
            label = mark_value(action, str(label or ""))
            wanted: str | Mapping[str, str] | None = label
        elif isinstance(label, Mapping):
            wanted = {str(ids[row]): self._targets.word(one) for row, one in label.items()}
        else:
            wanted = None if label is None else self._targets.word(label)
        seen = {str(ids[row]): version for row, version in expect.items()} if expect is not None else None
        return self.ledger.apply(
            action, [str(ids[int(row)]) for row in rows], wanted, reason=reason, evidence=evidence, expect=seen
        )

    def _refuse_bare(self, rows: "Sequence[int] | np.ndarray") -> None:
        """A sample without a label has nothing to keep."""
        import numpy as np

        bare = np.flatnonzero(self._targets.bare(self.labels().values[np.asarray(rows, dtype=np.int64)]))
        if len(bare):
            raise UserError(
                f"Sample {self._dataset.ids[int(rows[bare[0]])]} has no label to keep.",
                "Keep says that the label is right.",
                "Give it a label, or drop it.",
            )

    def table(self, wanted: Wanted, start: int = 0, count: int | None = None) -> "pd.DataFrame":
        """The ledger's wanted entries, newest first; columns as in ``Project.edits``."""
        import numpy as np
        import pandas as pd

        edits = history.page(self._database, wanted, start, count)
        gone = self.ledger.reverted([edit.id for edit in edits])
        lines = [
            {
                "id": edit.id,
                "time": edit.time_s,
                "author": edit.author,
                "sample": edit.sample,
                "action": edit.action,
                **dict(zip(("old", "new"), self._both(edit), strict=True)),
                "reason": edit.reason,
                "evidence": edit.evidence,
                "batch": edit.batch,
                "reverts": edit.reverts,
                "reverted": edit.id in gone,
            }
            for edit in edits
        ]
        columns = [
            "id",
            "time",
            "author",
            "sample",
            "action",
            "old",
            "new",
            "reason",
            "evidence",
            "batch",
            "reverts",
            "reverted",
        ]
        frame = pd.DataFrame(lines, columns=columns)
        frame["time"] = pd.to_datetime(frame["time"], unit="s", utc=True)
        frame["reverts"] = frame["reverts"].astype("Int64")
        rows = [self._dataset.row_of(sample) for sample in frame["sample"]]
        frame.insert(3, "row", np.array([-1 if row is None else row for row in rows], dtype=np.int64))
        return frame

    def _both(self, edit: Edit) -> tuple[str, str]:
        """What an entry changed, in words before and after: of a decision the labels, else the marks."""
        if not decides(edit.old, edit.new):
            return words_of(edit.old, edit.new)
        told = edit.old.label != edit.new.label
        return self._words(edit.old, edit.sample, told), self._words(edit.new, edit.sample, told)

    def _words(self, state: State, sample: str, told: bool) -> str:
        """A state in words; of a text that was rewritten what it says, where that is what changed."""
        label = state.label
        if label and told and self._targets.rewrites:
            label = self._said(sample, self._value(label))
        return label + ("" if state.active else ", dropped") if label else UNLABELLED

    def _said(self, sample: str, value: int) -> str:
        """What a row says as imported, or as rewritten; the name of its text where that is gone."""
        from attribution.datasets.chat.rewriting import answer_of

        row = self._dataset.row_of(sample)
        return self._targets.word(value) if row is None else answer_of(self._dataset, row, value)

    def value(self, given: Any) -> Any:
        """The value that a user means by a word or a value; ``UserError`` saying what it may be otherwise."""
        return self._targets.value_of(given)


def _put(marks: dict[int, State], rows: "Sequence[int] | np.ndarray", states: Sequence[State]) -> None:
    """Enter the states of these rows that have marks, and forget the others."""
    for row, state in zip(rows, states, strict=True):
        if state.marked:
            marks[int(row)] = state
        else:
            marks.pop(int(row), None)
