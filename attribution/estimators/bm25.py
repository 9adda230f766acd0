"""BM25: the words that a row shares with what is asked about. The control that language models' rankings must beat."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from attribution.estimators import register
from attribution.estimators.base import Estimator, Query, ScoreBlock
from attribution.measures.query import weights_of
from attribution.settings.ranges import Settings, opt
from attribution.statistics.okapi import K1, B, Okapi

PARTS = ("answer", "question", "both")


@dataclass(frozen=True)
class WordSettings(Settings):
    """Which words are compared."""

    on: str = opt(
        "both",
        "The words compared: of the answers, of the questions, or of both. A row without that part is taken whole.",
        choices=PARTS,
    )


@register("bm25")
class SharedWords(Estimator):
    """influence(i, q) = Okapi BM25 of row i for the words of q, k1 1.2, b 0.75; no model is asked.

    ``on`` says which part of the rows and of what is asked is compared. Of several questions the scores are added with
    the weights of the measure, so wanted and unwanted answers of a behaviour count against each other. Documents are
    the training rows, dropped ones among them, as they were imported.
    """

    title = "Shared words (BM25)"
    family = "similarity"
    asks_model = False
    by_weights = False
    offered = 5
    compared = 7
    summary = (
        "How many words, rare ones above all, the row shares with what is asked about. Knows nothing of the model: a "
        "method that finds no more than this has only found the same words."
    )
    formula = "Σ_w idf(w) f (k₁ + 1) / (f + k₁ (1 − b + b |d| / mean |d|))"
    cost = "Reading the texts once; no pass through the model."
    source = "Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009."
    kinds = ("text",)
    instead = "cosine, or random as the control"
    Settings = WordSettings
    settings: WordSettings

    def options(self) -> dict[str, Any]:
        return {"on": self.settings.on, "k1": K1, "b": B}

    def query_bytes(self) -> int:
        return 8 * len(self.trained.rows)

    def text(self, row: int) -> str:
        """What is compared of a row, or of a question."""
        said = self.trained.dataset.conversation(row)
        part = {"answer": said.answer, "question": said.question, "both": ""}[self.settings.on]
        return part or f"{said.question}\n{said.answer}"

    @cached_property
    def index(self) -> Okapi:
        """The training rows by their words."""
        return Okapi([self.text(int(row)) for row in self.trained.dataset.rows("train")])

    def prepare(self, queries: Sequence[Query]) -> None:
        columns = []
        for query in queries:
            shares = weights_of(self.trained, query)
            each = (share * self.index.scores(self.text(row)) for share, row in zip(shares, query.rows, strict=True))
            columns.append(sum(each, start=np.zeros(self.index.n)))
        self._columns = np.stack(columns, 1)  # (n, q)

    def score(self, rows: np.ndarray) -> ScoreBlock:
        import torch

        return ScoreBlock(torch.from_numpy(self._columns[rows]))  # training rows come first
