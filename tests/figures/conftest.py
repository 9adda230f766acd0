"""The checks of every figure, as a fixture."""

import figure_checks
import pytest


@pytest.fixture
def sound():
    """``sound(draw)`` draws for both grounds and checks; it returns the figure for light ground."""
    return figure_checks.check
