"""The project as a report sees it: each part is read at most once."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.modalities import alt, describe, modality_of, thumbnail
from attribution.project.project import Project
from attribution.report.html import Html, el, text
from attribution.views import pending, queue
from attribution.views.cards import data_uri
from attribution.views.faces import Face, face_of

if TYPE_CHECKING:
    from attribution.studies.retrain.result import RetrainResult

SIZE = 72  # pixels of a picture's side
LETTERS = 240  # of a text


class State:
    """What sections are made from. Reading it computes nothing and needs no torch."""

    def __init__(self, project: Project) -> None:
        self.project = project

    @cached_property
    def dataset(self) -> Any:
        """The samples as imported."""
        return self.project.dataset

    @cached_property
    def labels(self) -> Any:
        """The current labelled version."""
        return self.project.labels

    @cached_property
    def face(self) -> Face:
        """What is said of the targets."""
        return face_of(self.dataset)

    @cached_property
    def run(self) -> Any:
        """The model in use, or None."""
        return self.project.run

    @cached_property
    def flags(self) -> Any:
        """The newest search for wrong labels, or None."""
        return self.project.flags()

    @cached_property
    def leaks(self) -> Any:
        """The newest search for leaks, or None."""
        return self.project.leaks()

    @cached_property
    def states(self) -> pd.DataFrame:
        """The samples with decisions."""
        return self.project.states()

    @cached_property
    def test(self) -> pd.DataFrame:
        """What the model in use says of the test samples; asks for a model."""
        return self.project.predictions(self.run).loc[self.dataset.rows("test")]

    @cached_property
    def changes(self) -> pd.DataFrame:
        """What the decisions changed against the data as imported, as ``views.pending.differences``."""
        return pending.differences(self.dataset.base_version(), self.labels, self.dataset.ids, self.face)

    @cached_property
    def proof(self) -> "RetrainResult | None":
        """The finished before/after proof of the labels as they are now, else the newest of all, else None."""
        found = self.project.comparisons()
        return next((one for one in found if self.proves_now(one)), found[0] if found else None)

    def proves_now(self, proof: "RetrainResult") -> bool:
        """Whether a proof is about the labels as they are now."""
        return bool(proof.config["after_version"] == self.labels.version)

    @cached_property
    def suspects(self) -> np.ndarray:
        """Rows that the search suspects, most suspicious first; none before a search."""
        if self.flags is None:
            return np.zeros(0, dtype=np.int64)
        return queue.suspects(self.flags.order, self.flags.suspects)

    def open_ones(self, rows: np.ndarray) -> int:
        """How many of these rows nobody has decided on."""
        decided = self.states.index[self.states["verdict"] != ""].to_numpy()
        return int((~np.isin(rows, decided)).sum())

    def verdict(self, row: int) -> str:
        """What was decided about a sample, in words; "" where nothing was."""
        verdict = str(self.states["verdict"].get(row, ""))
        return self.face.decided(verdict, self.labels.values[row]) if verdict else ""

    def sample(self, row: int, *lines: Any) -> Html:
        """A sample as a small figure: its picture or its text, its id, and lines about it."""
        row = int(row)
        png = thumbnail(self.dataset, row, SIZE)
        if png is not None:
            shown = el("img", src=data_uri(png), alt=alt(self.dataset, row), width=SIZE, height=SIZE)
        else:
            words = describe(self.dataset, row)
            shown = el("blockquote", words if len(words) <= LETTERS else words[: LETTERS - 1] + "…")
        about = [el("div", text(line)) for line in lines if line]
        name = el("div", self.dataset.ids[row], class_="id")
        kind = "text" if png is None else "picture"
        return el("figure", shown, el("figcaption", *about, name), class_=f"sample {kind}")

    def samples(self, figures: "list[Html]") -> Html:
        """Figures of samples side by side."""
        return el("div", *figures, class_="samples")

    @property
    def kind_words(self) -> str:
        """What the samples are: "pictures of 1 × 28 × 28 pixels"."""
        kind = modality_of(self.dataset)
        return f"{kind.title} of {kind.shape_words(self.dataset.info.shape)}"
