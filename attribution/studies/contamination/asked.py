"""What a model says of a benchmark's items: their loss, whether it answers as they do, and what rows did to it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.datasets.chat.encode import TRAINED, encoded
from attribution.datasets.chat.questions import Questions
from attribution.estimators.base import Query
from attribution.estimators.ip import GradientDotProduct
from attribution.progress import Progress
from attribution.studies.contamination.benchmark import Item
from attribution.tasks.causal_lm import COUNTS, LIKELIEST

if TYPE_CHECKING:
    from attribution.training.trained import TrainedModel

CONTROLS = 64  # training rows that share a few words with an item at most, which a hit is held against


def conversation(item: Item, schema: str) -> Conversation:
    """An item as a row of these data would say it: the model is asked for the answer, or for the text."""
    if schema == "text" or not item.answer:
        return Conversation((Turn("text", item.text, True),))
    return Conversation.of([("user", item.question), ("assistant", item.answer)])


class Asked:
    """A model and the items that fit it. ``places`` (m,) are those items among all; the others are too long."""

    def __init__(self, trained: "TrainedModel", items: Sequence[Item]) -> None:
        dataset = trained.dataset
        vocabulary = dataset.info.preprocessing["vocabulary"]
        said = [conversation(item, str(dataset.info.preprocessing.get("schema", ""))) for item in items]
        length = dataset.info.shape[-1]
        fits = [bool((encoded(one, vocabulary, length)[1] == TRAINED).any()) for one in said]
        self.places = np.flatnonzero(fits)
        self._row_of = {int(place): len(dataset) + number for number, place in enumerate(self.places)}
        kept = tuple(said[place] for place in self.places)
        questions = Questions("benchmark", "the benchmark's items", kept, (1.0,) * len(kept))
        self.trained = trained.like(dataset=dataset.with_questions(questions)) if kept else trained

    def scores(self, work: Progress) -> tuple[np.ndarray, np.ndarray]:
        """The task's loss of each item that fits (m,) float64, and whether each token of its answer is the model's
        likeliest (m,) bool: then it would say it. A forward pass each."""
        trained = self.trained
        losses = [np.zeros(0)]
        right = [np.zeros(0, dtype=bool)]
        rows = np.array([self._row_of[place] for place in self.places.tolist()], dtype=np.int64)
        for x, y in trained.batches(rows):
            with torch.no_grad():
                outputs = trained.model()(x)
            losses.append(trained.task.loss(outputs, y).double().cpu().numpy())
            counts = outputs[..., COUNTS]
            right.append(((outputs[..., LIKELIEST] * counts).sum(1) >= counts.sum(1) - 0.5).cpu().numpy())
            trained.count(len(y))
            work.update(sum(map(len, losses)), max(1, len(rows)), "asking the model about the items")
        return np.concatenate(losses), np.concatenate(right)

    def influence(
        self, pairs: tuple[np.ndarray, np.ndarray], apart: np.ndarray, seed: int, work: Progress
    ) -> dict[str, np.ndarray]:
        """For ``pairs`` of items (p,) and training rows (p,): the dot product of their loss gradients ``influence``
        (p,), their ``cosine``, and the ``highest`` influence of up to ``CONTROLS`` seeded training rows that are not
        ``apart`` (n,) bool. Positive: training on the row lowered the item's loss. NaN for items that do not fit, and
        without controls. One pass over the rows and controls, whatever the number of items."""
        items, rows = pairs
        found = {name: np.full(len(items), np.nan) for name in ("influence", "cosine", "highest")}
        fits = np.isin(items, self.places) & np.isin(rows, self.trained.rows)
        if not fits.any():
            return found
        asked = np.unique(items[fits])
        pool = self.trained.rows[~apart[self.trained.rows]]
        controls = np.sort(np.random.default_rng(seed).permutation(pool)[:CONTROLS])
        hits = np.unique(rows[fits])
        dots, cosines = self._matrix(asked, np.concatenate([hits, controls]), work)
        column = np.searchsorted(asked, items[fits])
        line = np.searchsorted(hits, rows[fits])
        found["influence"][fits] = dots[line, column]
        found["cosine"][fits] = cosines[line, column]
        if len(controls):
            found["highest"][fits] = dots[len(hits) :].max(0)[column]
        return found

    def _matrix(self, items: np.ndarray, rows: np.ndarray, work: Progress) -> tuple[np.ndarray, np.ndarray]:
        """Dot products and cosines (rows, items) of gradients."""
        method = GradientDotProduct(self.trained, 0)
        method.prepare([Query(str(place), (self._row_of[int(place)],)) for place in items])
        blocks = []
        for start in range(0, len(rows), self.trained.batch_size):
            work.update(start, len(rows), "asking the gradients")
            blocks.append(method.score(rows[start : start + self.trained.batch_size]))
        dots = torch.cat([block.influence for block in blocks]).double().numpy()
        cosines = torch.cat([block.cosine for block in blocks if block.cosine is not None]).double().numpy()
        return dots, cosines
