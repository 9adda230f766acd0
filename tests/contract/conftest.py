"""One trained tiny world for all contract tests."""

import pytest
from tiny_world import World, build


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("world"))
