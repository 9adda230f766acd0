"""What people decide about samples: the ledger of edits, and the selections that pages hand on."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attribution.project.decisions import Decisions, SampleState
from attribution.project.folder import About
from attribution.storage import batches, history, selections
from attribution.storage import views as saved_views
from attribution.storage.history import Wanted
from attribution.storage.ledger import Edit, Ledger
from attribution.storage.views import View

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from attribution.datasets.dataset import Labels

    Rows = Sequence[int] | np.ndarray


class Review:
    """Decisions on a project's samples: each is an entry in the ledger, and the current labels are what the ledger
    says."""

    def __init__(self, about: About) -> None:
        self._about = about

    @property
    def _decisions(self) -> Decisions:
        return Decisions(self._about.database, self._about.dataset)

    @property
    def ledger(self) -> Ledger:
        """The append-only edits, by sample id."""
        return self._decisions.ledger

    @property
    def labels(self) -> "Labels":
        """The current version: base labels plus edits."""
        return self._decisions.labels()

    def labels_at(self, version: str) -> "Labels | None":
        """The labels of a data version, as the ledger had them after some batch of edits; None if it never did."""
        return self._decisions.labels_at(version)

    def sample_state(self, row: int) -> SampleState:
        """One sample's current label, whether it is trained on, and the review's verdict."""
        return self._decisions.state(int(row))

    def states(self) -> "pd.DataFrame":
        """The edited samples, indexed by row: label, active, verdict (relabel, drop, keep or empty after an undo),
        base_label, edit."""
        return self._decisions.states()

    def relabel(self, rows: "Rows", label: Any, **details: Any) -> list[Edit]:
        """Give these samples another label (class index or name), value (a number) or labels ("cat;dog"), one for all
        or a mapping from row to its own; one batch, all or nothing.

        ``details``: reason, evidence, expect.
        """
        if isinstance(label, Mapping):
            each = {int(row): self._decisions.value(label[row]) for row in rows}
            return self._decisions.decide("relabel", rows, each, **details)
        return self._decisions.decide("relabel", rows, self._decisions.value(label), **details)

    def rewrite(self, row: int, to: "str | Mapping[str, Any]", **details: Any) -> list[Edit]:
        """Give a row another answer (a text, which takes the place of its last trained turn), or other columns of its
        schema (``{"messages": [...]}``); what it said as imported takes the edit back.

        ``details``: reason, evidence, expect. ``UserError`` where the samples are no texts, or it trains nothing.
        """
        from attribution.datasets.chat.rewriting import rewrite

        return self._decisions.decide("relabel", [int(row)], rewrite(self._about.dataset, int(row), to), **details)

    def drop(self, rows: "Rows", **details: Any) -> list[Edit]:
        """Take these samples out of training (and out of the test score, for test samples)."""
        return self._decisions.decide("drop", rows, **details)

    def keep(self, rows: "Rows", **details: Any) -> list[Edit]:
        """Record that these samples were looked at and their label is right."""
        return self._decisions.decide("keep", rows, **details)

    def tag(self, rows: "Rows", name: str, **details: Any) -> list[Edit]:
        """Put a tag on these samples; a sample can have several. Marks change neither labels nor the data's version.

        ``details``: reason, evidence, expect.
        """
        return self._decisions.decide("tag", rows, name, **details)

    def untag(self, rows: "Rows", name: str, **details: Any) -> list[Edit]:
        """Take a tag off these samples."""
        return self._decisions.decide("untag", rows, name, **details)

    def note(self, rows: "Rows", text: str, **details: Any) -> list[Edit]:
        """Write a note on these samples, in place of the one before; "" takes it away."""
        return self._decisions.decide("note", rows, text, **details)

    def unsure(self, rows: "Rows", unsure: bool = True, **details: Any) -> list[Edit]:
        """Put these samples off: they were looked at and it is not clear. Whoever decides on one is unsure no more
        (``unsure=False`` takes the mark away without a decision)."""
        return self._decisions.decide("unsure" if unsure else "sure", rows, **details)

    def marks(self) -> "pd.DataFrame":
        """The samples with marks, indexed by row: tags (tuple of str, sorted), note, unsure."""
        return self._decisions.marks()

    def undo(self, anyone: bool = False) -> list[Edit]:
        """Take back your newest decision (``anyone``: the newest of all; a bulk action counts as one); [] when there is
        none."""
        return self.ledger.undo(anyone=anyone)

    def redo(self, anyone: bool = False) -> list[Edit]:
        """Bring back what your (``anyone``: the) newest undo took away; [] when there is nothing."""
        return self.ledger.redo(anyone=anyone)

    def revert(self, edit_ids: Sequence[int]) -> list[Edit]:
        """Take back chosen entries, all or nothing."""
        return self.ledger.revert(edit_ids)

    def edits(self, wanted: Wanted | None = None, start: int = 0, count: int | None = None) -> "pd.DataFrame":
        """The ledger, newest first: id, time, author, row, sample, action, old, new, reason, evidence, batch, reverts,
        reverted.

        ``old`` and ``new`` are words ("Shirt", "Shirt, dropped"; of a mark "tag: to ask"); ``time`` is UTC;
        ``evidence`` is a dict; ``row`` is -1 for a sample that the data no longer has. Of the entries that are
        ``wanted`` (``storage.history.Wanted``), ``count`` (None: all) from the place ``start`` on are read.
        """
        return self._decisions.table(wanted or Wanted(), start, count)

    def edit_count(self, wanted: Wanted | None = None) -> int:
        """How many entries of the ledger are wanted."""
        return history.number(self._about.database, wanted or Wanted())

    def batches(self, wanted: Wanted | None = None, start: int = 0, count: int = 20) -> "list[batches.Batch]":
        """What was decided in one go, newest first: the batches with an entry that is wanted, ``count`` from the place
        ``start`` on."""
        return batches.page(self._about.database, wanted or Wanted(), start, count)

    def batch_count(self, wanted: Wanted | None = None) -> int:
        """How many batches have an entry that is wanted."""
        return batches.number(self._about.database, wanted or Wanted())

    def revertible(self, edit_ids: Sequence[int], together: bool = False) -> list[int]:
        """Those of these entries (``together``: of all that were decided in one batch with them) that are decisions
        still in force."""
        return (
            history.together(self._about.database, edit_ids)
            if together
            else history.standing(self._about.database, edit_ids)
        )

    def decision_on(self, row: int, version: int) -> int | None:
        """The entry of the relabel, drop or keep in force on a sample when its last edit was ``version``; None without
        one."""
        return history.decision_on(self._about.database, str(self._about.dataset.ids[int(row)]), version)

    def class_index(self, label: int | str) -> int:
        """Index of a class given by name or index; ``UserError`` listing the classes otherwise."""
        return int(self._decisions.value(label))

    def select(self, rows: "Rows", name: str = "") -> str:
        """Store a selection; the token goes into links."""
        return selections.save(self._about.database, rows, self.labels.version, name)

    def selection(self, token: str) -> tuple[list[int], str]:
        """``(rows, version)`` of a stored selection."""
        rows, version = selections.load(self._about.database, token)
        return rows.tolist(), version

    def selected(self, token: str) -> "np.ndarray":
        """Rows of a stored selection, ascending int64."""
        return selections.load(self._about.database, token)[0]

    def selections(self) -> list[tuple[str, str, int]]:
        """``(token, name, count)`` of the named selections, newest first."""
        return selections.named(self._about.database)

    def views(self) -> list[View]:
        """Saved views, by name: filter words, and the column to sort by."""
        return saved_views.saved(self._about.database)

    def save_view(self, name: str, words: str, sort: str = "") -> View:
        """Keep filter words under a name, instead of the view that has it."""
        return saved_views.save(self._about.database, name, words, sort)

    def forget_view(self, name: str) -> None:
        """Remove a saved view."""
        saved_views.forget(self._about.database, name)
