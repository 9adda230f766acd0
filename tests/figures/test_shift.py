"""Train against test: one forest per kind of difference, in the right unit."""

from functools import partial

import pandas as pd
import pytest

from attribution.errors import UserError
from attribution.storage.files import write_json
from attribution.storage.tables import write_table
from attribution.studies.shift.result import ShiftResult


def test_each_kind_of_difference_has_a_figure(tmp_path, sound):
    lines = [("column", "age", 0.3, 0.1, 0.5), ("label", "<cat>", -0.2, -0.3, -0.1), ("label", "dog", 0.0, -0.1, 0.1)]
    table = pd.DataFrame(lines, columns=["kind", "name", "difference", "low", "high"])
    write_table(tmp_path / "one" / "differences.parquet", table)
    write_json(tmp_path / "one" / "config.json", {})
    found = ShiftResult.open(tmp_path / "one")
    assert found.figures == ("column", "label")
    column = sound(partial(found.figure, "column"))
    assert column.data[0].x[0] == pytest.approx(0.3)
    assert "standard deviations" in column.layout.xaxis.title.text.replace("<br>", " ")
    label = sound(partial(found.figure, "label"))
    assert sorted(float(x) for trace in label.data for x in trace.x) == pytest.approx([-20, 0])
    assert "points of a hundred" in label.layout.xaxis.title.text.replace("<br>", " ")
    assert label.layout.yaxis.ticktext[0] == "&lt;cat&gt;"
    with pytest.raises(UserError, match="no figure called 'region'"):
        found.figure("region")
