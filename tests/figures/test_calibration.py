"""The calibration's curve: every planted error is one step up."""

from functools import partial

import pandas as pd
import pytest

from attribution.storage.files import write_json
from attribution.storage.tables import write_table
from attribution.studies.calibration.result import CalibrationResult


def test_each_kind_of_planted_error_rises_to_all_of_them(tmp_path, sound):
    planted = pd.DataFrame({"kind": ["uniform"] * 4 + ["confused"] * 2, "position": [4, 1, 50, 2, 100, 20]})
    write_table(tmp_path / "one" / "planted.parquet", planted)
    write_json(tmp_path / "one" / "config.json", {"n_train": 200})
    found = CalibrationResult.open(tmp_path / "one")
    assert found.figures == ("found",)
    chance, confused, uniform = sound(partial(found.figure, "found")).data
    assert list(chance.x) == list(chance.y)
    assert (list(uniform.x), list(uniform.y)) == ([0.5, 1, 2, 25], [25, 50, 75, 100])
    assert (list(confused.x), list(confused.y)) == ([10, 50], [50, 100])
    first_tenth = uniform.y[uniform.x <= 10][-1] * 4 + confused.y[confused.x <= 10][-1] * 2
    assert first_tenth / 6 == pytest.approx(100 * found.recall(0.1))
    assert uniform.line.dash != confused.line.dash
