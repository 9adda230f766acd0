"""What is known of a project's samples, each part read once: what the columns are made of."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

Influence = tuple[np.ndarray, np.ndarray]  # training rows, and how much each lowers the query's loss


class See:
    """A project as it stands; the app's own cached readings can stand in for it, with the same names.

    ``query`` (a sample id) and ``estimator`` say whose influence is meant.
    """

    def __init__(self, project: Any, query: str = "", estimator: str = "ip") -> None:
        self.project = project
        self.query = query
        self.estimator = estimator

    @cached_property
    def labels(self) -> Any:
        """The current labelled version."""
        return self.project.labels

    @cached_property
    def run(self) -> Any:
        """The current model's run, or None."""
        return self.project.run

    @cached_property
    def predictions(self) -> "pd.DataFrame":
        """What the model says of every sample; asks for a model."""
        return self.project.predictions(self.run)

    @cached_property
    def flags(self) -> Any:
        """The newest search for wrong labels, or None."""
        return self.project.flags()

    @cached_property
    def suspicion(self) -> np.ndarray | None:
        """(n,) float, NaN outside the training set; None before a search."""
        if self.flags is None:
            return None
        values = np.full(len(self.project.dataset), np.nan)
        values[self.flags.detectors["row"].to_numpy()] = self.flags.detectors["suspicion"].to_numpy()
        return values

    @cached_property
    def categories(self) -> Any:
        """What kind of sample each searched training row is, or None."""
        return self.project.categories()

    @cached_property
    def states(self) -> "pd.DataFrame":
        """The edited samples."""
        return self.project.states()

    @cached_property
    def marks(self) -> "pd.DataFrame":
        """Tags, notes and "unsure" by row."""
        return marks_of(self.project)

    @cached_property
    def influence(self) -> Influence | None:
        """On the query; None without one, or before it was scored."""
        return influence_on(self.project, self.query, self.estimator)


def marks_of(project: Any) -> "pd.DataFrame":
    """``project.marks()``; nothing for a project that has none."""
    import pandas as pd

    marks = getattr(project, "marks", None)
    return marks() if marks is not None else pd.DataFrame({"tags": [], "note": [], "unsure": []})


def influence_on(project: Any, query: str, estimator: str) -> Influence | None:
    """Rows and influence of the training samples on a query that was scored with the usual settings; None otherwise."""
    row = project.dataset.row_of(query) if query else None
    found = project.find_query(estimator, [row]) if row is not None else None
    return found[0].column(found[1]) if found is not None else None


def alike(project: Any, sample: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the samples most like one, itself first, and how like it they are, falling."""
    row = project.dataset.row_of(sample)
    if row is None:
        raise UserError(
            f"No sample is called {sample!r}.",
            "like: finds the samples near to one.",
            f"Write like:{project.dataset.ids[0]}, for one.",
        )
    found = project.alike(row)
    near = found["row"].to_numpy(dtype=np.int64)
    rows = np.concatenate([[row], near[near != row]])
    return rows, np.concatenate([[np.inf], found["similarity"].to_numpy(dtype=np.float64)[near != row]])
