"""What every training sample cost the model: its loss after each epoch, and what training changed of it."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset
    from attribution.training.run import Run


def losses(run: "Run", dataset: "Dataset") -> "pd.DataFrame":
    """A line per training row of the run: row, id, ``epoch 1`` ... (loss after each recorded epoch, in the task's
    unit), loss (the last), change (the first minus the last: positive, training lowered it; NaN for a single epoch).
    Without a line where the run has no record per epoch."""
    table = run.dynamics().pivot_table(index="row", columns="epoch", values="loss", sort=True)
    epochs = list(table.columns)
    found = table.rename(columns=lambda epoch: f"epoch {epoch}").rename_axis(columns=None)
    found["loss"] = table[epochs[-1]] if epochs else np.zeros(0)
    found["change"] = table[epochs[0]] - table[epochs[-1]] if len(epochs) > 1 else np.nan
    found = found.reset_index().astype({"row": "int64"})
    found.insert(1, "id", dataset.ids[found["row"].to_numpy()])
    return found
