"""The distribution of influence: every sample counted at its sign, those shown marked."""

from functools import partial

import numpy as np
import pytest

from attribution.figures import influence as draw


def test_the_distribution_marks_sign_and_the_shown(sound):
    counts = np.array([1, 0, 5, 2])
    figure = sound(partial(draw.histogram, counts, (-2.0, 2.0), [1.5, -1.9]))
    hurt, helped, shown = figure.data
    assert (hurt.name, list(hurt.x), list(hurt.y)) == ("away from what was given", [-1.5], [1])
    assert (helped.name, list(helped.x), list(helped.y)) == ("towards it", [0.5, 1.5], [5, 2])
    assert list(shown.x) == [1.5, -1.9]
    assert hurt.hovertext[0] == "influence −2.00 to −1.00: 1 training sample"
    assert figure.layout.yaxis.type == "log"


def test_an_answer_draws_itself(tiny_project, sound):
    row = int(tiny_project.dataset.rows("test")[0])
    view = tiny_project.influence([row], "ip")
    assert view.figures == ("distribution",)
    figure = sound(partial(view.figure, "distribution"))
    assert figure.layout.xaxis.title.text.replace("<br>", " ") == f"influence, {view.score.config['unit']}"
    assert sum(int(np.sum(trace.y)) for trace in figure.data[:2]) == sum(view.moments["histogram"])
    assert list(figure.data[2].x) == pytest.approx([*view.helpful["influence"], *view.harmful["influence"]])
