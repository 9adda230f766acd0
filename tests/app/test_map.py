"""The map answers: what the pointer asks, what a click opens, what an outline selects, and who may ask."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware

from pages.parts import context, guard, hovering, lasso

BOX = [[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]]


@dataclass
class Answer:
    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@pytest.fixture
def get():
    """``get(path, **headers)`` asks the map's route behind the app's guard."""
    shield = Middleware(guard.Guard, hosts=["127.0.0.1"])
    served = Starlette(routes=hovering.ROUTES, middleware=[shield])

    def ask(path, **headers):
        said = []
        given = {"host": "127.0.0.1", **{name.replace("_", "-"): value for name, value in headers.items()}}
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        }

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            said.append(message)

        asyncio.run(served(scope, receive, send))
        return Answer(said[0]["status"], b"".join(part.get("body", b"") for part in said[1:]).decode())

    return ask


def test_the_pointer_is_told_what_a_sample_is(get, tiny_project):
    sight = context.Sight(tiny_project)
    said = get(f"/{hovering.address(sight)}/7").json()
    assert said["id"] == tiny_project.dataset.ids[7]
    assert said["label"] == sight.face.word(tiny_project.labels.values[7])
    assert said["picture"].startswith("data:image/png;base64,")
    assert said["says"].startswith("model ")
    assert "suspicion" in said["suspicion"]


def test_an_edit_is_shown_at_another_address(get, tiny_project):
    before = hovering.address(context.Sight(tiny_project))
    assert hovering.address(context.Sight(tiny_project)) == before
    tiny_project.drop([7])
    after = hovering.address(context.Sight(tiny_project))
    assert after != before
    assert get(f"/{after}/7").json()["mark"] == "dropped"
    assert get(f"/{before}/7").json()["mark"] == ""


def test_nobody_else_is_told_anything(get, tiny_project):
    address = hovering.address(context.Sight(tiny_project))
    for wrong in (f"{address[:-1]}/7", "sample//7", f"{address}/99999", f"{address}/-1", f"{address}/../7"):
        assert get(f"/{wrong}").status == 404, wrong
    foreign = ({"host": "evil.example"}, {"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"})
    for headers in foreign:
        answer = get(f"/{address}/7", **headers)
        assert answer.status == 403, headers
        assert tiny_project.dataset.ids[7] not in answer.text


def test_old_addresses_are_forgotten(get, tiny_project, monkeypatch):
    monkeypatch.setattr(hovering, "KEPT", 1)
    before = hovering.address(context.Sight(tiny_project))
    tiny_project.drop([3])
    hovering.address(context.Sight(tiny_project))
    assert get(f"/{before}/7").status == 404


def drawn(test):
    """The canvas of a page and what it was given beside the points."""
    (canvas,) = test.get("bidi_component")
    return canvas.proto, json.loads(canvas.proto.mixed.json)


def test_a_chosen_sample_is_marked_and_its_card_is_open(app, words, tiny_project):
    name = tiny_project.dataset.ids[7]
    test = app("map", project="digits", method="pca", point=name)
    assert [mark["kind"] for mark in drawn(test)[1]["marks"]] == ["chosen"]
    assert any(button.key.startswith("drop-opened-7") for button in test.button)
    assert name in words(test)


def test_all_that_the_filters_leave_can_be_selected(app, words, tiny_project):
    test = app("map", project="digits", method="pca")
    test.session_state["splits"] = ["test"]
    test.run()
    test.button(key="select-all").click().run()
    rows = tiny_project.selection(test.query_params["selection"])[0]
    assert sorted(rows) == tiny_project.dataset.rows("test").tolist()


def test_an_outline_around_nothing_clears_the_selection(tiny_project, monkeypatch):
    put = {}
    monkeypatch.setattr(lasso.context, "put", lambda **values: put.update(values))
    sight = context.Sight(tiny_project)
    coordinates = tiny_project.map(method="pca").coordinates
    visible = tiny_project.dataset.rows("val")
    lasso.drawn(sight, BOX, coordinates, visible)
    assert sorted(tiny_project.selection(put["selection"])[0]) == visible.tolist()
    lasso.drawn(sight, (), coordinates, visible)
    assert put["selection"] == ""


def test_the_page_says_what_is_seen(app, words, tiny_project):
    test = app("map", project="digits", method="pca", colour="suspicion")
    assert f"{len(tiny_project.dataset)} samples" in words(test)
    assert "points near each other look alike to the model" in words(test)
    assert "head of the review queue" in words(test)


def test_the_filter_of_browse_narrows_what_is_drawn_listed_and_selected(app, words, tiny_project):
    test = app("map", project="digits", method="pca", find="split:test")
    n = len(tiny_project.dataset.rows("test"))
    assert f"{n} of {len(tiny_project.dataset)} samples" in words(test)
    assert f"Lines 1 to {min(n, 50)} of {n}" in words(test)
    test.button(key="select-all").click().run()
    rows = tiny_project.selection(test.query_params["selection"])[0]
    assert sorted(rows) == tiny_project.dataset.rows("test").tolist()


def test_a_filter_that_leaves_nothing_is_drawn_as_nothing(app, words, tiny_project):
    test = app("map", project="digits", method="pca", find="id:nobody")
    assert "0 samples" in words(test)
    assert not [button for button in test.button if button.key == "select-all"]


def test_dense_places_have_words_and_lines(app, tiny_project):
    test = app("map", project="digits", method="pca")
    said = drawn(test)[1]
    assert said["words"]
    assert {"x", "y", "text", "size"} == set(said["words"][0])
    assert said["shade"]["png"].startswith("data:image/png")
    test.session_state["splits"] = ["test"]
    test.run()
    assert drawn(test)[1]["words"] == said["words"]  # filters do not move them


@pytest.fixture(scope="module")
def moons(tmp_path_factory):
    """The points in the plane, as a project with a model and nothing else."""
    from attribution import Project

    project = Project.sample("moons", tmp_path_factory.mktemp("home") / "moons")
    project.train()
    return project


def test_a_table_of_two_columns_opens_in_its_plane_and_the_decision_is_drawn_on_demand(
    app, words, moons, tmp_path, monkeypatch
):
    import shutil

    from attribution import PlaneConfig, Project

    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path))
    project = Project.open(shutil.copytree(moons.folder, tmp_path / "moons"))
    shutil.rmtree(project.folder / "planes", ignore_errors=True)  # the sample brings one
    asked = []
    monkeypatch.setattr(type(project), "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = app("map", project="moons")
    said = drawn(test)[1]
    assert [axis["name"] for axis in said["axes"]] == ["x", "y"]
    assert said["ground"] is None
    assert "450 samples, each at its x and y" in words(test)
    test.button(key="draw-plane").click().run()
    assert asked == [("plane", PlaneConfig(across="x", upwards="y"))]
    plane = project.studies.plane.run()
    test.run()
    said = drawn(test)[1]
    assert said["ground"]["png"].startswith("data:image/png")
    assert said["bounds"] == [list(pair) for pair in plane.limits]
    assert {one["text"] for one in said["words"]} == {"lower", "upper"}
    assert "the line is where it changes its mind" in words(test)
    assert not test.exception
