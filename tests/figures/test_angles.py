"""Figures of angles: whole distributions that hold every sample once, in the half-circle and in small multiples."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from attribution.figures import angles as draw
from attribution.figures import style
from attribution.storage.files import write_json
from attribution.storage.tables import write_table
from attribution.studies.angles.result import AnglesResult
from attribution.views import angles, colours

N = 40


@pytest.fixture
def found(tmp_path):
    """Forty samples; layer <b> is turned round against the others."""
    rng = np.random.default_rng(0)
    rows = np.arange(100, 100 + N)
    cosine = rng.uniform(-1, 1, N).astype(np.float32)
    samples = {"row": rows, "cosine": cosine, "norm": 1.0, "influence": cosine, "curved": cosine}
    write_table(tmp_path / "one" / "samples.parquet", pd.DataFrame(samples))
    np.save(tmp_path / "one" / "layers.npy", np.stack([np.stack([cosine, -cosine]), np.ones((2, N))]))
    np.save(tmp_path / "one" / "checkpoints.npy", np.stack([np.stack([cosine * 0.5] * 2 + [cosine]), np.ones((3, N))]))
    layers = [
        {"name": "conv", "kind": "Conv2d", "parameters": 160, "share": 0.25},
        {"name": "<b>", "kind": "Linear", "parameters": 10, "share": 0.75},
    ]
    checkpoints = [{"epoch": epoch} for epoch in (1, 5, 9)]
    write_json(tmp_path / "one" / "config.json", {"layers": layers, "checkpoints": checkpoints, "query_rows": [3]})
    return AnglesResult.open(tmp_path / "one")


@pytest.fixture
def groups(found):
    rows = found.samples["row"].to_numpy()
    return {angles.OWN: rows[:10], angles.OTHER: rows[10:]}


def shares(cosine):
    return 100 * angles.histogram(angles.degrees(cosine))


def test_the_half_circle_holds_every_sample_once(found, groups, sound):
    figure = sound(partial(found.figure, "polar", groups=groups))
    cosine = found.samples["cosine"].to_numpy()
    own, other = figure.data
    np.testing.assert_allclose(own.r, shares(cosine[:10]))
    np.testing.assert_allclose(other.r, shares(cosine[10:]))
    assert own.r.sum() == pytest.approx(100)
    assert (own.theta[0], own.theta[-1]) == (5, 175)
    assert list(figure.layout.polar.sector) == [0, 180]
    assert "same way" in figure.layout.polar.angularaxis.ticktext[0]
    assert "%" in figure.layout.polar.radialaxis.title.text
    assert own.marker.pattern.shape != other.marker.pattern.shape  # not by colour alone
    assert own.hovertext[0].startswith("own label, 0° to 10°: ")
    (everyone,) = found.figure("polar").data
    np.testing.assert_allclose(everyone.r, shares(cosine))


def test_layers_are_small_multiples_of_whole_distributions(found, groups, sound):
    figure = sound(partial(found.figure, "layers", groups=groups))
    cosine = found.samples["cosine"].to_numpy()
    assert len(figure.data) == 4
    np.testing.assert_allclose(figure.data[0].y[:-1], shares(cosine[:10]))
    np.testing.assert_array_equal(figure.data[0].x, np.arange(0, 181, 10))
    np.testing.assert_allclose(figure.data[3].y[:-1], shares(-cosine[10:]))
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range  # shared, so that heights can be compared
    assert [note.text for note in figure.layout.annotations] == [
        "conv (Conv2d), 25.0 % of the gradient",
        "&lt;b&gt; (Linear), 75.0 % of the gradient",
    ]
    assert [trace.showlegend for trace in figure.data] == [True, True, False, False]
    assert "degrees" in figure.layout.xaxis2.title.text.replace("<br>", " ")


def test_checkpoints_stand_below_one_another(found, sound):
    figure = sound(partial(found.figure, "checkpoints"))
    cosine = found.samples["cosine"].to_numpy()
    assert [note.text for note in figure.layout.annotations] == ["epoch 1", "epoch 5", "epoch 9"]
    np.testing.assert_allclose(figure.data[0].y[:-1], shares(0.5 * cosine), atol=1e-4)
    np.testing.assert_allclose(figure.data[2].y[:-1], shares(cosine))


def test_of_a_deep_network_the_layers_with_most_of_the_gradient_are_drawn(found, sound):
    many = 30
    found.config["layers"] = [
        {"name": f"l{k}", "kind": "Linear", "parameters": 1, "share": k / 435} for k in range(many)
    ]
    vars(found)["by_layer"] = np.zeros((2, many, N), np.float32)
    figure = sound(partial(found.figure, "layers"))
    assert figure.layout.title.text == "Angles layer by layer (12 of 30)"
    assert figure.layout.annotations[0].text.startswith("l18 ")
    assert len(figure.to_json()) < 100_000


def test_the_plane_colours_by_sign_and_strength(sound):
    inputs = np.arange(40, dtype=np.float64).reshape(20, 2)
    values = np.array([5.0, 0.1, -0.1, -6.0] + [0.2] * 14)
    rows = np.arange(2, 20)
    figure = sound(partial(draw.plane, inputs, rows, values, ("<x>", "y"), "Influence with curvature"))
    by_name = {trace.name: trace for trace in figure.data}
    assert list(by_name["most with"].x) == [4]
    assert list(by_name["most against"].y) == [11]
    assert sum(len(trace.x) for trace in figure.data) == 18
    assert by_name["against"].marker.color == colours.influence_scale()[1]
    assert by_name["most with"].hovertext[0] == "row 2: influence +5.00"
    assert figure.layout.xaxis.title.text.replace("<br>", " ") == "&lt;x&gt;"
    n = 3 * style.MOST_POINTS
    big = sound(partial(draw.plane, np.zeros((n, 2)), np.arange(n), np.ones(n), ("x", "y"), "Influence of many"))
    assert sum(len(trace.x) for trace in big.data) == style.MOST_POINTS
