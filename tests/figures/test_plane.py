"""The plane of two columns as a picture: the model's answers beneath, the samples above, and who taught it."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from attribution.studies.plane.result import PlaneResult
from attribution.tasks.probabilities import sureness
from attribution.views import colours, ground


@dataclass
class Score:
    """One query, scored."""

    def query_rows(self, column):
        return (5,)

    def every(self, column):
        return np.arange(5), np.array([1.0, -1.0, 0.1, 0.2, np.nan], dtype=np.float32)


def drawn(kind="class"):
    """A plane whose left half is one answer and whose right half is another."""
    plane = PlaneResult("nowhere")
    share = np.linspace(0, 1, 9)
    config = {
        "across": "<i>x</i>",
        "upwards": "y",
        "limits": [[0, 8], [0, 4]],
        "inputs": 4,
        "unit": "mm",
        "words": {},
    }
    plane.__dict__["coordinates"] = np.column_stack([np.arange(8.0), np.arange(8.0) / 2]).astype(np.float32)
    if kind == "class":
        config["words"] = {"0": "<b>a</b>", "1": "b"}
        p = np.tile(share, (9, 1))
        plane.__dict__["probabilities"] = np.dstack([1 - p, p]).astype(np.float16)
        plane.__dict__["answers"] = (p > 0.5).astype(np.int64)
        plane.__dict__["targets"] = np.arange(8) % 2
    else:
        plane.__dict__["probabilities"] = None
        plane.__dict__["answers"] = np.tile(share * 30, (9, 1))
        plane.__dict__["targets"] = np.arange(8) * 4.0
    plane.__dict__["config"] = config
    return plane


def pixels(picture):
    return np.array(Image.open(io.BytesIO(base64.b64decode(picture["png"].partition(",")[2]))))


@pytest.mark.parametrize("kind", ["class", "number"])
def test_the_figure_of_samples_and_decision(sound, kind):
    plane = drawn(kind)
    figure = sound(lambda dark: plane.figure("plane", dark=dark))
    assert sum(len(trace.x) for trace in figure.data) == 8
    assert "<b>" not in str([trace.name for trace in figure.data])
    assert "<i>" not in figure.layout.xaxis.title.text
    assert figure.layout.images[0].source.startswith("data:image/png")
    assert "2 other inputs at their means" in figure.layout.meta["alt"]


def test_influence_colours_and_sizes_the_samples_and_marks_the_query(sound):
    plane = drawn()
    figure = sound(lambda dark: plane.figure("plane", score=Score(), dark=dark))
    traces = {trace.name: trace for trace in figure.data}
    assert traces["the query"].x.tolist() == [5.0]
    assert traces["the query"].marker.symbol == "star"
    assert traces["strongly towards"].x.tolist() == [0.0]
    assert traces["strongly away"].x.tolist() == [1.0]
    assert traces["strongly towards"].marker.color == colours.influence_scale()[-1]
    assert traces["strongly towards"].marker.size[0] > traces["little influence"].marker.size[0]


def test_the_ground_is_coloured_by_the_answer_and_a_line_stands_where_it_changes():
    picture = ground.picture(drawn(), colours.class_colour)
    seen = pixels(picture)
    assert seen.shape == (ground.SIDE, ground.SIDE, 4)
    left, right = (tuple(int(colours.class_colour(code)[at : at + 2], 16) for at in (1, 3, 5)) for code in (0, 1))
    assert tuple(seen[300, 5, :3]) == left
    assert tuple(seen[300, -5, :3]) == right
    assert seen[300, 5, 3] > seen[300, 250, 3]  # the surer, the stronger
    line = np.flatnonzero(seen[300, :, 3] > 150)
    assert len(line) in (ground.LINE - 1, ground.LINE)
    assert abs(line.mean() - 300) < 4
    assert picture["bounds"] == [[0.0, 8.0], [0.0, 4.0]]


def test_answers_are_written_where_they_are_given_and_room_is():
    plane = drawn()
    (left, right) = ground.words(plane)
    assert (left["text"], right["text"]) == ("<b>a</b>", "b")
    assert left["x"] < 3 < 5 < right["x"]
    nearest = min(np.hypot(*(plane.coordinates - [one["x"], one["y"]]).T).min() for one in (left, right))
    assert nearest > 0.5
    assert ground.words(drawn("number")) == []


def test_numbers_have_no_line():
    seen = pixels(ground.picture(drawn("number"), lambda value: colours.value_colour(value / 30)))
    assert len(np.unique(seen[..., 3])) == 1
    assert tuple(seen[0, 0, :3]) != tuple(seen[0, -1, :3])


def test_finer_grids_go_through_their_points():
    grid = np.random.default_rng(0).normal(size=(5, 5, 2))
    fine = ground.finer(grid, 17)
    np.testing.assert_allclose(fine[::4, ::4], grid, atol=1e-6)
    np.testing.assert_allclose(fine[2, 0], (grid[0, 0] + grid[1, 0]) / 2, atol=1e-6)


def test_sureness_is_zero_at_chance_and_one_when_certain():
    assert sureness(np.array([[0.25] * 4, [1, 0, 0, 0]])).tolist() == [0.0, 1.0]
