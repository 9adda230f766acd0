"""Places of rows equal those in a dict."""

import numpy as np
import pytest

from attribution.storage.places import Places


def test_places_are_those_of_a_dict():
    rows = np.random.default_rng(0).permutation(200)[:60]
    expected = {int(row): place for place, row in enumerate(rows)}
    places, asked = Places(rows), np.arange(-3, 230)
    assert [row in places for row in asked.tolist()] == [row in expected for row in asked.tolist()]
    assert places.known(asked).tolist() == [row in expected for row in asked.tolist()]
    assert places.of(rows).tolist() == [places[int(row)] for row in rows] == list(range(60))
    absent = next(row for row in range(200) if row not in expected)
    with pytest.raises(KeyError):
        places[absent]
    with pytest.raises(KeyError, match=str(absent)):
        places.of(np.array([rows[0], absent]))
    assert 0 not in Places(np.empty(0, np.int64))
