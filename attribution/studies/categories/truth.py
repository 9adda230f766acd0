"""What is known to be wrong with a sample project's training data; shown beside the findings, never used to make
them."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.dataset import Dataset

FILE = "truth.csv"
RIGHT = "nothing known to be wrong"


def truth_file(data: str) -> Path | None:
    """The table of known errors beside a data file; None when there is none."""
    path = Path(data)
    path = (path if path.is_dir() else path.parent) / FILE
    return path if data and path.is_file() else None


def read_truth(dataset: "Dataset", data: str) -> "pd.DataFrame | None":
    """One line per training row: row, wrong (bool: the given label differs from the true one), leak (bool: it repeats a
    test sample), kind (words for both). None without a file, or with one that names neither labels nor leaks.

    The file has a line per sample ``id`` with ``given`` and ``true`` labels and, for planted errors, ``flip``; or a
    line per pair with ``id`` and ``leak_of``, of which one is a training sample. A sample that it does not name has no
    known error.
    """
    import pandas as pd

    path = truth_file(data)
    table = pd.read_csv(path, keep_default_na=False, dtype=str) if path else None
    if table is None or "id" not in table or not ({"given", "true"} <= set(table) or "leak_of" in table):
        return None
    rows = dataset.rows("train")
    place = {str(name): index for index, name in enumerate(dataset.ids[rows])}
    wrong, leak = np.zeros(len(rows), dtype=bool), np.zeros(len(rows), dtype=bool)
    kind = np.full(len(rows), RIGHT, dtype=object)
    for line in table.to_dict("records"):
        for name in (line["id"], line.get("leak_of", "")):
            if line.get("leak_of") and name in place:
                leak[place[name]] = True
                kind[place[name]] = (
                    f"repeats a test sample ({line['leak']})" if line.get("leak") else "repeats a test sample"
                )
        if line["id"] in place and line.get("given", "") != line.get("true", ""):
            wrong[place[line["id"]]] = True
            kind[place[line["id"]]] = (
                f"label flipped ({line['flip']})" if line.get("flip") else "label known to be wrong"
            )
    return pd.DataFrame({"row": rows, "wrong": wrong, "leak": leak, "kind": kind})
