"""On a convex model the faithful estimators are leave-one-out: a small run of the benchmark."""

from pathlib import Path

import pytest

HELD = ["influence-exact", "influence-cg", "forward-inf-preconditioned"]


@pytest.fixture
def convex(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    import convex

    return convex


def test_faithful_estimators_follow_true_leave_one_out(convex, tmp_path):
    found = convex.measure(convex.digits(tmp_path / "data", 300, side=4), tmp_path, 3, [*HELD, "ekfac", "ip"], [])[
        "estimators"
    ]
    for name in [*HELD, "mirrored retraining"]:
        for group in ("highest loss", "random"):
            assert found[name][group]["pearson"] >= 0.99, name
            assert found[name][group]["factor"] == pytest.approx(1, abs=0.25), name
    assert found["influence-cg"]["notes"]["residual"] <= 1e-5
    assert found["ip"]["random"]["pearson"] < found["ekfac"]["random"]["pearson"]
