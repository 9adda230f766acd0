"""A few of the kills that ``tests/kills/ledger.py`` does by the dozen."""

import importlib.util
from pathlib import Path

spec = importlib.util.spec_from_file_location("ledger_kills", Path(__file__).with_name("ledger.py"))
ledger_kills = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ledger_kills)


def test_nothing_acknowledged_is_lost_and_nothing_is_there_in_part(tmp_path):
    found = ledger_kills.killed(tmp_path / "project.db", kills=8)
    assert found["kills"] == 8
    assert found["acknowledged"] >= 8
    assert 0 <= found["batches"] - found["acknowledged"] <= 8  # at most one per kill was written and not yet said
