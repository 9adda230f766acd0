"""How the points of the map are coloured, sized and marked, and what the colours say."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attribution.figures.cloud import Scene
from attribution.views import categories, colours, scatter
from attribution.views.numbers import count
from pages.parts import context
from pages.parts.context import Sight

INFLUENCE = "influence on the query"
KIND = "what it probably is"
COLOURS = ("target", "prediction", "loss", "suspicion", KIND, INFLUENCE, "edits")


@dataclass(frozen=True)
class Look:
    """Coloured groups, a sentence on what the colours mean, why the wished ones are not there ("": they are), and what
    is drawn beside the points."""

    groups: list[scatter.Group]
    meaning: str
    missing: str = ""
    scene: Scene = field(default_factory=Scene)


def names(sight: Sight) -> list[str]:
    """What points can be coloured by, in the words of the data."""
    face = sight.face
    without = {*(() if face.told else ("target", "prediction")), *(("suspicion", KIND) if face.no_search else ())}
    return [face.noun if name == "target" else name for name in COLOURS if name not in without]


def look(sight: Sight, colour: str, rows: np.ndarray) -> Look:
    """These rows in this colour; in that of their targets where it is not known yet."""
    dark = context.dark()
    if colour == "prediction":
        return Look(
            sight.face.groups(sight.predictions["prediction"].to_numpy(), rows, dark), "Colours: the model's answer."
        )
    if colour == "loss":
        unit = f" {sight.face.loss_unit}"
        losses = sight.predictions["loss"].to_numpy()
        groups = scatter.by_steps(losses, rows, colours.loss_scale(dark), unit, dark)
        return Look(groups, "The darker, the larger the loss." if not dark else "The lighter, the larger the loss.")
    if colour == "edits":
        verdicts = np.full(len(sight.project.dataset), "", dtype=object)
        verdicts[sight.states.index.to_numpy(dtype=np.int64)] = sight.states["verdict"].to_numpy()
        return Look(scatter.by_edit(verdicts, rows, dark, sight.face.changed_mark), "Colours: what was decided.")
    if colour in (KIND, "suspicion"):
        return searched(sight, colour, rows)
    return influence(sight, rows) if colour == INFLUENCE else plain(sight, rows)


def plain(sight: Sight, rows: np.ndarray, missing: str = "") -> Look:
    """By target."""
    groups = [group for group in sight.face.groups(sight.labels.values, rows, context.dark()) if len(group.rows)]
    return Look(groups, f"Colours: the given {sight.face.nouns}." if sight.face.told else "", missing)


def searched(sight: Sight, colour: str, rows: np.ndarray) -> Look:
    """By what the search for wrong labels found."""
    dark = context.dark()
    if colour == "suspicion" and sight.suspicion is not None:
        estimate = sight.flags.estimate
        first = round(estimate["mid"] if estimate else sight.flags.suspects)
        settled = sight.states.index[sight.states["verdict"] != ""].to_numpy(dtype=np.int64)
        groups = scatter.by_queue(sight.suspicion, rows, first, dark, settled)
        stands_out = "Bright" if dark else "Dark"
        words = f"the {count(first)} {sight.face.nouns} that are probably wrong"
        return Look(groups, f"{stands_out}: {words}, the head of the review queue." if first else "Nothing stands out.")
    if colour != "suspicion" and sight.categories is not None:
        return Look(categories.groups(sight.categories.table, rows, dark), "Colours: what each suspect probably is.")
    what = "Suspicion" if colour == "suspicion" else "That"
    return plain(sight, rows, f"{what} is known after the search for wrong {sight.face.nouns} (Review).")


def scored(sight: Sight, row: int) -> Any:
    """A finished score of this sample and its column: by the estimator in the address if there is one, else by
    another; None without."""
    names_ = (context.get("estimator"), "ip", *(score.estimator for score in sight.project.scores()))
    found = (sight.project.find_query(name, [row]) for name in dict.fromkeys(names_) if name)
    return next((one for one in found if one), None)


def asked(sight: Sight) -> int | None:
    """The row whose prediction is meant: the query in the address, else the first one that was scored."""
    known = sight.project.dataset.row_of(context.get("query"))
    if known is not None:
        return known
    single = (
        query["rows"][0]
        for score in sight.project.scores()
        if not score.asked_of
        for query in score.queries
        if len(query["rows"]) == 1
    )
    return next(iter(single), None)


def influence(sight: Sight, rows: np.ndarray) -> Look:
    """By influence on the query; the stronger, the larger."""
    query = asked(sight)
    found = scored(sight, query) if query is not None else None
    if query is None or found is None:
        return plain(sight, rows, "Choose a prediction on the Influence page first, and have it scored there.")
    values = np.full(len(sight.project.dataset), np.nan)
    values[sight.labels.train_rows(sight.project.dataset)] = (
        0.0  # where the strongest alone are kept, the others are little
    )
    strong, column = found[0].every(found[1])
    values[strong] = column
    name = sight.project.dataset.ids[query]
    towards = (
        f"{sight.face.word(sight.labels.values[query])} for {name}" if sight.face.told else f"the answer of {name}"
    )
    meaning = f"Blue: training on it pulled the model towards {towards}; orange: away. The larger, the more."
    return Look(
        scatter.by_sign(values, rows, context.dark()), meaning, "", Scene(sizes=scatter.sizes(values), query=query)
    )
