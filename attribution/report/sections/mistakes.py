"""The worst mistakes that were asked about, and the training samples behind them."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.estimators import estimators
from attribution.project.lookup import influence_view
from attribution.report.html import Html, el, paragraphs, shown_of, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views.numbers import plural, three_digits

if TYPE_CHECKING:
    from attribution.studies.influence.result import ScoreResult

MOST = 4
EACH = 3


@register("mistakes")
class Mistakes(Section):
    """Of the newest score run of the model in use: the test samples with the largest loss."""

    title = "Who is behind the worst mistakes"
    order = 75
    missing = "nobody asked which training samples are behind a mistake (`datablame score`)"

    def body(self, state: State) -> Html | str:
        found = asked(state)
        if found is None:
            return ""
        lines = state.project.predictions(state.run)
        columns = worst(found, lines["loss"])
        title = estimators.get(found.estimator).title
        said = (
            f"{plural(found.n_queries, 'prediction')} of the model in use were asked about, by {title}. Helped: "
            "training on the sample lowered the loss of the prediction; hurt: it raised it."
        )
        parts = [_mistake(state, found, column, lines) for column in columns]
        left = shown_of(len(parts), found.n_queries, "predictions", "The Influence page has all.")
        return together((paragraphs(said), *parts, paragraphs(left)))


def asked(state: State) -> "ScoreResult | None":
    """The newest score run that asked the model in use about single samples' losses, by the estimator that Compare
    recommends if there is one."""
    run = state.run.id if state.run is not None else ""
    fitting = [one for one in state.project.scores() if one.run == run and one.measure == "loss" and not one.group]
    bench = next(iter(state.project.benches()), None)
    pick = bench.summary.get("explain", "") if bench is not None else ""
    return min(fitting, key=lambda one: one.estimator != pick, default=None)


def worst(found: "ScoreResult", loss: pd.Series) -> list[int]:
    """The columns of the asked samples with the largest loss."""
    rows = np.array([found.query_rows(column)[0] for column in range(found.n_queries)])
    return np.argsort(-np.nan_to_num(loss.to_numpy()[rows], nan=-np.inf), kind="stable")[:MOST].tolist()


def _mistake(state: State, found: "ScoreResult", column: int, lines: pd.DataFrame) -> Html:
    """One mistake with its strongest training samples of both sides."""
    rows = found.query_rows(column)
    view = influence_view(found, column, state.dataset.ids, state.labels.version, rows, EACH)
    asked_about = state.sample(rows[0], el("b", state.face.query_sentence(lines.loc[rows[0]])))
    sides = []
    for word, side in (("helped", view.helpful), ("hurt", view.harmful)):
        figures = [
            state.sample(
                int(line.row),
                f"{word}: {three_digits(line.influence, True)}",
                state.face.word(state.labels.values[int(line.row)]),
            )
            for line in side.itertuples()
        ]
        sides += figures
    return el("div", asked_about, state.samples(sides), class_="pair mistake")
