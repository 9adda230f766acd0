"""Reads a bench, finished or still running; needs NumPy and pandas, no torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.storage.artefact import Artefact
from attribution.storage.files import read_json
from attribution.storage.tables import read_table
from attribution.studies.bench.sentences import sentences

if TYPE_CHECKING:
    import pandas as pd

INT = "int64"
REAL = "float64"
WORD = "object"
COLUMNS: dict[str, dict[str, str]] = {
    "fidelity": {
        "estimator": WORD,
        "measure": WORD,
        "lds": REAL,
        "low": REAL,
        "high": REAL,
        "above_random": REAL,
        "above_low": REAL,
        "above_high": REAL,
        "subsets": INT,
        "queries": INT,
    },
    "lds_queries": {"estimator": WORD, "measure": WORD, "query_row": INT, "lds": REAL},
    "leave_one_out": {
        "estimator": WORD,
        "pearson": REAL,
        "low": REAL,
        "high": REAL,
        "spearman": REAL,
        "samples": INT,
        "queries": INT,
    },
    "removal": {
        "estimator": WORD,
        "k": INT,
        "change": REAL,
        "low": REAL,
        "high": REAL,
        "flipped": REAL,
        "queries": INT,
    },
    "removal_queries": {"estimator": WORD, "k": INT, "query_row": INT, "change": REAL, "flipped": REAL},
    "usefulness": {
        "name": WORD,
        "kind": WORD,
        "label": INT,
        "ap": REAL,
        "ap_low": REAL,
        "ap_high": REAL,
        "auroc": REAL,
        "auroc_low": REAL,
        "auroc_high": REAL,
        "precision": REAL,
        "precision_low": REAL,
        "precision_high": REAL,
        "samples": INT,
        "planted": INT,
        "seconds_s": REAL,
    },
    "agreement": {"a": WORD, "b": WORD, "query_row": INT, "spearman": REAL, "overlap": REAL},
    "disagreements": {
        "a": WORD,
        "b": WORD,
        "query_row": INT,
        "row": INT,
        "rank_a": INT,
        "rank_b": INT,
        "difference": REAL,
        "influence_a": REAL,
        "influence_b": REAL,
    },
    "stability": {
        "estimator": WORD,
        "spearman": REAL,
        "low": REAL,
        "high": REAL,
        "overlap": REAL,
        "runs": INT,
        "queries": INT,
    },
    "cost": {"estimator": WORD, "seconds_s": REAL, "peak_mib": REAL, "forward_passes": REAL, "score": WORD},
}


class BenchResult(Artefact):
    """One comparison of estimators: ``NAME/benches/BENCH``. A table that is not measured (yet) is empty, with its
    columns.

    ``config`` (when finished) holds the request: run, version, estimators, queries (rows), parts, and so on. Rows are
    the project's. Estimators always include ``random``, the control. Intervals are at 95 %.
    """

    what = "comparison of estimators"
    drawn_by = "bench"

    @property
    def request(self) -> dict[str, Any]:
        """What was asked, written before the work starts: ``run``, ``version``, ``estimators``, ``queries`` (rows),
        ``parts``, ``bench`` (the settings), ``n_train``."""
        return dict(read_json(self.folder / "request.json"))

    @property
    def run(self) -> str:
        """The training run whose model was asked."""
        return str(self.request["run"])

    @property
    def version(self) -> str:
        """The data version it was made of."""
        return str(self.request["version"])

    @property
    def estimators(self) -> list[str]:
        """The estimators compared, in the order asked, the control last."""
        return list(self.request["estimators"])

    @property
    def query_rows(self) -> list[int]:
        """The rows whose predictions were asked about."""
        return [int(row) for row in self.request["queries"]]

    @property
    def parts(self) -> list[str]:
        """The parts asked for: fidelity, usefulness, agreement, stability, cost."""
        return list(self.request["parts"])

    @property
    def summary(self) -> dict[str, Any]:
        """``done`` (finished parts), ``skipped`` (name -> why: estimators and parts that this model or data cannot
        serve), ``notes`` (sentences a reader should know), ``choices`` (what the rule says: names and numbers),
        ``explain`` and ``mislabels`` (the chosen names, "" for none), ``no_better_than_random`` (names); {} before the
        first part is done."""
        path = self.folder / "bench.json"
        return dict(read_json(path)) if path.is_file() else {}

    @property
    def recommendation(self) -> list[str]:
        """What to use for what, in sentences, the headline first, with estimators and detectors by name."""
        return sentences(self.summary)

    @property
    def fidelity(self) -> "pd.DataFrame":
        """Linear datamodeling score: estimator, measure (``loss``, or ``margin``: the label's logit minus the best
        other's), lds (-1 to 1, mean over the queries) with low and high (over queries and subsets), above_random (its
        difference to the control) with above_low and above_high, subsets, queries (counts)."""
        return self._table("fidelity")

    @property
    def lds_queries(self) -> "pd.DataFrame":
        """The LDS of every query: estimator, measure, query_row, lds."""
        return self._table("lds_queries")

    @property
    def leave_one_out(self) -> "pd.DataFrame":
        """Against true leave-one-out, for a model that is one linear layer: estimator, pearson (mean over the queries)
        with low and high (over queries), spearman, samples (left out one by one), queries."""
        return self._table("leave_one_out")

    @property
    def removal(self) -> "pd.DataFrame":
        """Retraining without the k most helpful samples of a query: estimator, k, change (rise of its loss, nats, mean
        over queries) with low and high (over queries), flipped (share of the queries whose prediction changed),
        queries. ``random`` removes k at random."""
        return self._table("removal")

    @property
    def removal_queries(self) -> "pd.DataFrame":
        """The same for every query: estimator, k, query_row, change, flipped (0 or 1)."""
        return self._table("removal_queries")

    @property
    def usefulness(self) -> "pd.DataFrame":
        """How well planted wrong labels are found: name, kind (``estimator`` by its harm to the worst class of the
        validation samples, ``detector``, or ``combined``: the review queue's mean rank, called ``queue``), label (class
        index, -1 = all samples), ap (average precision), auroc and precision (share of planted labels among the review
        budget, the first ``bench.budget`` of the queue), each with ``_low`` and ``_high`` (over samples), samples,
        planted (counts), seconds_s. For a class the precision counts the samples of that given label in the class's own
        budget."""
        return self._table("usefulness")

    @property
    def planted(self) -> "pd.DataFrame":
        """The sandbox: row, label (given there), planted (bool), and one column of suspicion per ``name`` of
        ``usefulness``."""
        return self._any("planted")

    @property
    def agreement(self) -> "pd.DataFrame":
        """Every ordered pair of estimators: a, b, query_row (-1: mean over the queries), spearman (over training
        samples), overlap (share of the ``bench.k`` most helpful in common)."""
        return self._table("agreement")

    @property
    def disagreements(self) -> "pd.DataFrame":
        """The (training sample, query) pairs on which two estimators differ most: a, b, query_row, row, rank_a, rank_b
        (1 = most helpful), difference (of the ranks, as a share of the training set, 0 to 1), influence_a, influence_b;
        the largest difference of a pair first."""
        return self._table("disagreements")

    @property
    def stability(self) -> "pd.DataFrame":
        """The same estimator asked of models from other seeds: estimator, spearman (mean over the queries) with low and
        high (over queries), overlap (of the k most helpful), runs (other models), queries."""
        return self._table("stability")

    @property
    def cost(self) -> "pd.DataFrame":
        """estimator, seconds_s, peak_mib (extra memory while it ran, MiB; NaN when the scores were there already),
        forward_passes (over the training set; a backward pass counts two), score (id of its score run in
        ``NAME/scores``)."""
        return self._table("cost")

    def _table(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        path = self.folder / f"{name}.parquet"
        if path.is_file():
            return read_table(path)
        return pd.DataFrame({column: np.zeros(0, dtype=kind) for column, kind in COLUMNS[name].items()})

    def _any(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        path = self.folder / f"{name}.parquet"
        return read_table(path) if path.is_file() else pd.DataFrame({"row": np.zeros(0, dtype=INT)})

    @staticmethod
    def started(folder: Path) -> bool:
        """Whether a bench was begun in this folder."""
        return (Path(folder) / "request.json").is_file()
