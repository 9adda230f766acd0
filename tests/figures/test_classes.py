"""Figures of predicted classes: every prediction is counted once."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from attribution.figures import classes as draw
from attribution.figures.answers import answers
from attribution.statistics.by_group import counts_of
from attribution.tasks import tasks
from attribution.tasks.targets import Classes, LabelSets

TABLE = pd.DataFrame({"label": [0, 0, 0, 1, 1, -1], "prediction": [0, 1, 1, 1, 1, 0]})
CLASSES = ("<cat>", "dog", "none of these")


def test_recognised_by_class(sound):
    figure = sound(partial(draw.recognised, TABLE, Classes(CLASSES)))
    (dots,) = figure.data
    np.testing.assert_allclose(dots.x[:2], [100 / 3, 100])
    assert np.isnan(dots.x[2])  # a class without samples has no accuracy
    assert list(figure.layout.yaxis.ticktext) == ["&lt;cat&gt; (3)", "dog (2)", "none of these (0)"]
    assert list(figure.layout.xaxis.range) == [0, 100]


def test_confusion_counts_shares_of_the_label(sound):
    figure = sound(partial(draw.confusion, TABLE, CLASSES))
    (heat,) = figure.data
    np.testing.assert_allclose(heat.z, [[100 / 3, 200 / 3, 0], [0, 100, 0], [0, 0, 0]])
    assert heat.hovertext[0][1] == "&lt;cat&gt; taken for dog: 2 of 3 (66.7\N{NO-BREAK SPACE}%)"
    assert counts_of(TABLE, 3).sum() == 5


def test_of_many_classes_those_mistaken_most_are_drawn(sound):
    n = 100
    label = np.arange(n)
    table = pd.DataFrame({"label": label, "prediction": np.where(label >= 90, 0, label)})
    figure = sound(partial(draw.confusion, table, [f"c{k}" for k in range(n)]))
    assert figure.layout.title.text == "What each class is taken for, % (16 of 100)"
    assert figure.data[0].z.shape == (16, 16)
    assert any(text.startswith("c99") for text in figure.layout.yaxis.ticktext)
    assert figure.data[0].z[0, 0] == pytest.approx(100)


def test_each_label_of_a_set_is_recognised_by_itself(sound):
    table = pd.DataFrame({"label": [0b11, 0b01, 0b10, 0b00, -1], "prediction": [0b11, 0b00, 0b10, 0b01, 0b11]})
    (dots,) = sound(partial(draw.recognised, table, LabelSets(("red", "round")))).data
    np.testing.assert_allclose(dots.x, [50, 100])


@pytest.mark.parametrize(
    ("kind", "drawn"),
    [
        ("classification", ["recognised", "confusion"]),
        ("binary", ["recognised", "confusion"]),
        ("multilabel", ["recognised"]),
        ("regression", ["predicted", "residuals", "by_band"]),
    ],
)
def test_what_a_model_says_is_drawn_by_its_kind_of_target(kind, drawn):
    task = tasks.get(kind).of(("a", "b"), {"name": kind})
    table = pd.DataFrame({"label": [0, 1, 1, 0], "prediction": [0, 1, 0, 0]})
    assert list(answers(task, table)) == drawn
    assert answers(task, table.head(0)) == {}
