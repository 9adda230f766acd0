"""Numbers as they are written in the app."""

import math

import pytest

from attribution.views import numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0123456, "0.0123"),
        (1.5, "1.50"),
        (12.345, "12.3"),
        (999.6, "1,000"),
        (123456.0, "123,000"),
        (-0.5, "−0.500"),
        (1.234e-6, "1.23e-06"),
        (math.nan, "–"),
        (None, "–"),
        (math.inf, "–"),
    ],
)
def test_three_digits(value, text):
    assert numbers.three_digits(value) == text


def test_signs_are_shown_where_they_mean_something():
    assert numbers.three_digits(0.5, signed=True) == "+0.500"
    assert numbers.three_digits(0.0, signed=True) == "0"
    assert numbers.points(-0.0000765) == "−0.01\N{NO-BREAK SPACE}points"
    assert numbers.points(0.00001) == "0\N{NO-BREAK SPACE}points"
    assert numbers.points(-0.005) == "−0.50\N{NO-BREAK SPACE}points"
    assert numbers.points(0.045) == "+4.50\N{NO-BREAK SPACE}points"
    assert numbers.points(-0.0123) == "−1.23\N{NO-BREAK SPACE}points"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.871, "87.1"), (1.0, "100"), (0.00532, "0.53"), (0.0, "0"), (0.0000438, "below 0.01"), (0.1234, "12.3")],
)
def test_percent(share, text):
    assert numbers.percent(share) == f"{text}\N{NO-BREAK SPACE}%"


def test_progress_says_100_only_when_done():
    assert numbers.whole_percent(0.999) == "99\N{NO-BREAK SPACE}%"
    assert numbers.whole_percent(1.0) == "100\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.42, "0.4 s"),
        (45.2, "45 s"),
        (59.7, "1 min"),
        (200, "3 min 20 s"),
        (3540, "59 min"),
        (3900, "1 h 5 min"),
        (7200, "2 h"),
    ],
)
def test_duration(seconds, text):
    assert numbers.duration(seconds).replace("\N{NO-BREAK SPACE}", " ") == text


def test_ago_takes_the_largest_unit():
    assert numbers.ago(1000, 1030) == "just now"
    assert numbers.ago(1000, 1000 + 3 * 60) == "3 minutes ago"
    assert numbers.ago(0, 86_400) == "1 day ago"


def test_share_interval_is_wilsons():
    """Wilson's interval of 8 in 10, from the closed form's own example values."""
    low, high = numbers.share_interval(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert numbers.share_interval(0, 0) == (0.0, 1.0)
    assert numbers.share_interval(5, 5)[1] == 1.0


def test_plural():
    assert numbers.plural(1, "edit") == "1 edit"
    assert numbers.plural(1200, "class", "classes") == "1,200 classes"
