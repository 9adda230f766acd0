"""The proof's figures: values are those of the result, colours and shapes say what the interval says."""

from dataclasses import replace
from functools import partial

import finished
import numpy as np
import pandas as pd
import pytest

from attribution.errors import UserError
from attribution.figures import retrain, style
from attribution.figures.forest import forest
from attribution.tasks import figure as figure_
from attribution.views import comparison
from attribution.views.colours import HARMFUL, HELPFUL


@pytest.fixture
def found():
    return finished.proof()


FRAME = pd.DataFrame(
    {"name": ["up", "down", "open"], "estimate": [2.0, -2.0, 0.1], "low": [1.0, -3.0, -1], "high": [3.0, -1.0, 1]}
)


def test_a_forest_says_by_colour_and_shape_what_the_interval_says(sound):
    figure = sound(partial(forest, FRAME, "Change of something", "points", "What the intervals say"))
    dots = {trace.y[0]: trace for trace in figure.data}
    assert [dots[place].marker.color for place in range(3)] == [HELPFUL, HARMFUL, style.UNCLEAR]
    assert len({dots[place].marker.symbol for place in range(3)}) == 3
    for place, line in enumerate(FRAME.itertuples()):
        trace = dots[place]
        assert trace.x[0] == line.estimate
        assert trace.x[0] + trace.error_x.array[0] == line.high
        assert trace.x[0] - trace.error_x.arrayminus[0] == line.low
    assert list(figure.layout.yaxis.ticktext) == ["up", "down", "open"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first line on top
    assert "up: +2.00 points (+1.00 to +3.00)" in forest(FRAME, "t", "a", "b", unit="points").data[0].hovertext[0]


def test_a_share_needs_no_zero():
    figure = forest(FRAME, "Rates", "%", "alt", span=(0, 100))
    assert list(figure.layout.xaxis.range) == [0, 100]
    assert not figure.layout.shapes
    assert {trace.marker.color for trace in figure.data} == {HELPFUL}


def test_an_unknown_interval_draws_the_dot_alone(found, sound):
    figure = sound(partial(retrain.intervals, found))
    alone = next(trace for trace in figure.data if 2 in trace.y)
    place = list(alone.y).index(2)
    assert alone.x[place] == pytest.approx(2)
    assert (alone.error_x.array[place], alone.error_x.arrayminus[place]) == (0, 0)
    assert alone.hovertext[place] == "seeds alone: +2.00 points"


def test_each_seed_is_a_line_from_before_to_after(found, sound):
    figure = sound(partial(retrain.seeds, found))
    assert [list(trace.y) for trace in figure.data] == [
        [100 * before, 100 * after] for before, after in zip(found.main.before, found.main.after, strict=True)
    ]
    assert [(trace.line.color, trace.line.dash) for trace in figure.data][1:] == [
        (HELPFUL, "solid"),
        (HARMFUL, "dot"),
    ]
    assert figure.data[0].hovertext[1] == "seed 0, after: 82.0\xa0%"


def test_less_is_better_where_the_figure_is_an_error(found, sound):
    """The same rise of an error in the user's unit: orange, and told in that unit."""
    worse = replace(found.main, reading=figure_.rmse("<mm>"))
    error = replace(found, changes={"rmse": worse, "loss": found.loss})
    drawn = sound(partial(retrain.intervals, error))
    assert drawn.data[0].marker.color == HARMFUL
    assert drawn.data[0].hovertext[0] == "seeds and test samples: +0.0200 &lt;mm&gt; (+0.0100 to +0.0300)"
    assert drawn.layout.xaxis.title.text.replace("<br>", " ") == "change, &lt;mm&gt; of RMSE"
    assert "<mm>" not in retrain.seeds(error).to_json()
    lines = sound(partial(retrain.seeds, error)).data
    assert [line.line.color for line in lines][1:] == [HARMFUL, HELPFUL]


def test_predicted_against_real(sound):
    table = pd.DataFrame({"row": [7, 8], "predicted": [0.123456789, 3.0], "actual": [-1.0, 0.5]})
    figure = sound(partial(retrain.paired, table, "predicted by influence"))
    dots = figure.data[-1]
    np.testing.assert_allclose(dots.x, table["predicted"], rtol=1e-6)
    np.testing.assert_allclose(dots.y, table["actual"])
    assert dots.hovertext[0] == "row 7: predicted 0.123, real −1.00"
    assert figure.layout.xaxis.title.text.replace("<br>", " ") == "predicted by influence, nats"
    ranked = sound(partial(retrain.paired, table, "predicted by influence", sizes=False))
    assert list(ranked.data[-1].x) == [1, 2]
    assert "nats" not in ranked.layout.xaxis.title.text.replace("<br>", " ")
    assert len(ranked.data) == 1  # ranks and nats have no line of equality


def test_very_many_dots_are_thinned_evenly_and_the_title_says_so(sound):
    n = 50_000
    table = pd.DataFrame({"row": np.arange(n), "predicted": np.linspace(-1, 1, n), "actual": np.zeros(n)})
    figure = sound(partial(retrain.paired, table, "predicted"))
    dots = figure.data[-1]
    assert len(dots.x) == style.MOST_POINTS
    assert (dots.x[0], dots.x[-1]) == (-1, 1)
    assert "4,000 of 50,000" in figure.layout.title.text


def test_a_result_lists_and_draws_its_figures(found):
    assert found.figures == ("intervals", "seeds", "by_target", "predicted")
    assert found.figure("seeds").layout.title.text == retrain.seeds(found).layout.title.text
    with pytest.raises(UserError, match="no figure called 'pie'") as caught:
        found.figure("pie")
    assert "intervals, seeds" in caught.value.do
    assert comparison.interval_frame(found)["estimate"].tolist() == pytest.approx([2, 2, 2])


def test_words_of_the_users_stand_as_they_were_written():
    assert style.plain("<b>$a$ & b</b>") == "&lt;b&gt;&#36;a&#36; &amp; b&lt;/b&gt;"
    assert style.tick("a name that is so long that it needs a second line and more than that") == (
        "a name that is so long<br>that it needs a second…"
    )
    assert style.tick("") == ""
