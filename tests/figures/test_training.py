"""The curve of a training: a line per split, a dot for a split that was measured once."""

from functools import partial

import pandas as pd
import pytest

from attribution.figures import training as draw


def test_the_curve_reads_the_splits_there_are(sound):
    lines = [(2, "train", 0.6), (1, "train", 0.5), (1, "val", 0.4), (2, "val", 0.5), (2, "test", 0.3)]
    metrics = pd.DataFrame(lines, columns=["epoch", "split", "accuracy"])
    figure = sound(partial(draw.curve, metrics, "accuracy", "accuracy, %", factor=100))
    assert [trace.name for trace in figure.data] == ["train", "validation", "test"]
    assert (list(figure.data[0].x), list(figure.data[0].y)) == ([1, 2], [50, 60])
    assert "markers" in figure.data[2].mode  # one value has no line
    assert len({trace.line.dash for trace in figure.data}) == 3
    assert figure.data[0].hovertext[1] == "epoch 2, train: 60.0"


def test_a_run_draws_itself(tiny_project, sound):
    run = tiny_project.run
    assert run.figures == ("accuracy", "loss")
    figure = sound(partial(run.figure, "loss"))
    metrics = run.metrics()
    train = metrics[metrics["split"] == "train"].sort_values("epoch")
    assert list(figure.data[0].y) == pytest.approx(train["loss"].tolist())
    assert "nats" in figure.layout.yaxis.title.text
