"""The rooms of the package: imports point down, no circle, and the layer contract names every room."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

from rooms import House, counted, house, storeys  # noqa: E402

PACKAGES = ["attribution", "attribution.studies"]


@pytest.mark.parametrize("inside", PACKAGES)
def test_no_circle_and_no_arrow_up(inside):
    plan = house(inside=inside)
    assert len(plan.rooms) > 10
    assert plan.circles() == []
    assert plan.upward(storeys(inside)) == []


@pytest.mark.parametrize("inside", PACKAGES)
def test_the_contract_names_every_room_and_nothing_else(inside):
    named = [room for storey in storeys(inside) for room in storey]
    assert sorted(named) == sorted(house(inside=inside).rooms)


def test_what_the_type_checker_reads_points_down_too():
    plan = house(typing=True)
    assert plan.circles() == []
    assert plan.upward(storeys()) == []


def test_circles_arrows_up_and_floors_are_seen():
    arrows = {("faces", "engine"): ["a -> b"], ("engine", "ground"): ["b -> c"], ("ground", "engine"): ["c -> b"]}
    plan = House(frozenset({"faces", "engine", "ground", "shed"}), arrows)
    assert plan.circles() == [frozenset({"engine", "ground"})]
    assert plan.floors() == 2
    up = plan.upward([["faces"], ["engine"], ["ground"]])
    assert up == ["shed stands in no storey", "ground -> engine: c -> b"]
    assert House(plan.rooms, {("engine", "ground"): []}).upward([["faces"], ["shed"], ["engine", "ground"]])


def test_the_script_says_its_counts():
    words = counted()
    assert "rooms" in words
    assert "0 circles" in words
