"""A training rewound: the loss of each step, the spikes in it, and the samples that were in a step's batch."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from attribution.errors import UserError
from attribution.statistics.spikes import FAR, above
from attribution.storage.drawn import Drawn
from attribution.training.order import batches_again, epoch_seed

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset, Labels
    from attribution.training.run import Run


@dataclass(frozen=True)
class Rewound(Drawn):
    """The steps of a run. Whose batches a recording wrote down has them from there; else the seed tells them again."""

    drawn_by: ClassVar[str] = "rewind"

    run: "Run"
    dataset: "Dataset"
    labels: "Labels"  # that it was trained on

    @cached_property
    def steps(self) -> "pd.DataFrame":
        """Every step: step (from 1), epoch, loss (mean of its batch, before the step), above (robust spreads over its
        neighbours, NaN where it has too few), spike (bool: more than ``statistics.spikes.FAR``)."""
        found = self.run.steps()
        distance = above(found["loss"].to_numpy())
        return found.assign(above=distance, spike=distance > FAR)

    @property
    def spikes(self) -> "pd.DataFrame":
        """The steps that stand out, the farthest first."""
        return self.steps[self.steps["spike"]].sort_values("above", ascending=False).reset_index(drop=True)

    def rows(self, step: int) -> np.ndarray:
        """The training rows of a step's batch, in its order, int64; ``UserError`` for a step that there was not."""
        steps = self.steps
        place = np.flatnonzero(steps["step"].to_numpy() == step)
        if not len(place):
            raise UserError(f"There is no step {step}.", "", f"The steps of this run are 1 to {len(steps):,}.")
        known = self.run.batches()
        if len(known):
            return known["row"][known["step"] == step].to_numpy(dtype=np.int64)
        epoch = int(steps["epoch"].iloc[place[0]])
        first = int(np.flatnonzero(steps["epoch"].to_numpy() == epoch)[0])
        return self._epoch(epoch)[int(place[0]) - first]

    def _epoch(self, epoch: int) -> "list[np.ndarray]":
        """The rows of every batch of an epoch."""
        recipe = self.run.train_config
        train = self.dataset.rows("train")
        least = 2 if self.run.config.get("batch_coupled") else 1
        again = batches_again(self.labels.active[train], epoch_seed(recipe.seed, epoch), recipe.batch_size, least)
        return [train[places] for places in again]

    def table(self, step: int) -> "pd.DataFrame":
        """The samples of a step's batch, the largest loss first: row, id, and loss, what the run recorded of them after
        the epoch before (of the first epoch: after it), NaN where it recorded nothing."""
        import pandas as pd

        rows = self.rows(step)
        epoch = int(self.steps.loc[self.steps["step"] == step, "epoch"].iloc[0])
        told = self.run.dynamics()
        told = told[told["epoch"] == max(1, epoch - 1)].set_index("row")["loss"]
        table = pd.DataFrame({"row": rows, "id": self.dataset.ids[rows], "loss": told.reindex(rows).to_numpy()})
        return table.sort_values("loss", ascending=False, kind="stable").reset_index(drop=True)


def rewound(run: "Run", dataset: "Dataset", labels: "Labels | None") -> Rewound:
    """The steps of a run that was trained on ``labels``; ``UserError`` where it keeps none, or its labels are gone."""
    if run.steps().empty:
        raise UserError(
            f"Run {run.id} does not say what the loss of each step was.",
            "It was trained elsewhere without logging its batches, or by a version of Datablame that kept none."
            if run.loaded
            else "It was trained by a version of Datablame that did not keep it.",
            "Record the loop with rec.log(ids, outputs, targets) (docs/own.md)." if run.loaded else "Train again.",
        )
    if labels is None:
        raise UserError(
            f"The labels that run {run.id} was trained on are not in the ledger.",
            "Which samples took part decides the order of batches.",
            "Train again on the labels of today.",
        )
    return Rewound(run, dataset, labels)
