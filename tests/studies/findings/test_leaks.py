"""Leaks and duplicates: what is planted is found, what hangs together is one case, and every number equals its closed
form."""

import numpy as np
import pandas as pd
import pytest

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.errors import UserError
from attribution.studies.leaks import cases as leak_cases
from attribution.studies.leaks.result import verdict
from attribution.studies.leaks.study import LeakConfig

PLANTED = {  # training position -> (test position, what was done to it)
    3: (0, "exact"),
    4: (0, "exact"),
    20: (1, "moved"),
    21: (2, "mirrored"),
    22: (3, "darker"),
}


def pictures(chance, n):
    """Smooth random pictures (n, 16, 16) uint8: no two alike."""
    coarse = chance.uniform(0, 200, (n, 5, 5))
    return np.stack([np.kron(one, np.ones((4, 4)))[:16, :16] for one in coarse]).astype(np.uint8)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    """A trained project of 120 / 30 / 40 pictures with five planted leaks and one duplicate whose labels differ."""
    folder, chance = tmp_path_factory.mktemp("leaky"), np.random.default_rng(5)
    train, val, test = pictures(chance, 120), pictures(chance, 30), pictures(chance, 40)
    labels = [np.arange(n) % 3 for n in (120, 30, 40)]
    moved = np.zeros_like(test[1])
    moved[2:, :-1] = test[1][:-2, 1:]
    made = {
        "exact": test[0],
        "moved": moved,
        "mirrored": test[2][:, ::-1],
        "darker": np.round(test[3] * 0.7).astype(np.uint8),
    }
    for position, (source, kind) in PLANTED.items():
        train[position] = made[kind]
        labels[0][position] = labels[2][source]
    train[50] = train[60]
    labels[0][50], labels[0][60] = 1, 2
    arrays = {
        "X_train": train,
        "y_train": labels[0],
        "X_val": val,
        "y_val": labels[1],
        "X_test": test,
        "y_test": labels[2],
    }
    np.savez(folder / "pictures.npz", classes=np.array(["a", "b", "c"]), **arrays)
    recipe = TrainConfig(epochs=3, batch_size=16, checkpoints=1, device="cpu")
    project = Project.create(
        folder / "leaky", DataConfig(path=str(folder / "pictures.npz")), ModelConfig(name="mlp", width=16), recipe
    )
    project.train()
    project.find_leaks(LeakConfig(device="cpu", influence=4))
    return project


def test_planted_leaks_come_first_with_what_was_done_to_them(leaky):
    cases = leaky.leaks().cases(leaky.labels.values)
    first_test = leaky.dataset.rows("test")[0]
    found = {(rows, other - first_test) for rows, other in zip(cases["rows"], cases["other"], strict=True)}
    assert found == {((3, 4), 0), ((20,), 1), ((21,), 2), ((22,), 3)}
    assert cases["kind"].tolist() == ["exact", "near", "near", "near"]
    changes = {
        row: leaky.leaks().pair(row, other)["change"] for row, other in zip(cases["row"], cases["other"], strict=True)
    }
    assert changes == {3: "", 20: "moved 2 down and 1 left", 21: "mirrored", 22: ""}
    assert not cases["conflict"].any()


def test_a_duplicate_with_another_label_is_marked_and_first(leaky):
    cases = leaky.leaks().cases(leaky.labels.values, relation="duplicate")
    assert cases[["row", "other"]].to_numpy()[0].tolist() == [50, 60]
    assert cases["conflict"].tolist()[0]
    assert (3, 4) in set(zip(cases["row"], cases["other"], strict=True))


def test_every_piece_of_evidence_stands_beside_its_threshold(leaky):
    found = {one.title.split(":")[0]: one for one in leaky.leaks().evidence(3, leaky.dataset.rows("test")[0])}
    assert found["same content (hash)"].says == "copy"
    assert found["cosine of the gradients"].value == pytest.approx(1, abs=1e-5)
    assert found["cosine of the gradients"].threshold < 1
    assert found["cosine of the gradients"].says == "copy"
    assert found["perceptual hash, bits that differ"].value == 0
    assert "Forward-INF, nats" in found


def test_the_number_of_cases_grows_with_the_threshold_and_agrees_with_the_cases(leaky):
    from attribution.studies.leaks.result import GRID

    result = leaky.leaks()
    counts = result.counts()
    for threshold in (GRID[0], 0.3, GRID[-1]):
        assert counts[np.searchsorted(GRID, threshold)] == len(result.cases(leaky.labels.values, threshold))


def test_a_finished_search_is_found_and_its_graph_is_shared(leaky):
    before = leaky.leaks()
    assert leaky.find_leaks(LeakConfig(device="cpu", influence=4)).id == before.id
    assert leaky.find_leaks(LeakConfig(device="cpu", influence=0)).id != before.id
    assert len(list((leaky.folder / "neighbors").iterdir())) == 1


def test_a_threshold_out_of_reach_is_refused(leaky):
    with pytest.raises(UserError, match="not between"):
        leaky.find_leaks(LeakConfig(threshold=3.0))


def pairs_of(*lines):
    table = pd.DataFrame(lines, columns=["row", "other", "ratio"])
    return table.assign(exact=table["ratio"] == 0, model_ratio=0.0)


def test_what_hangs_together_is_one_case():
    pairs = pairs_of((0, 10, 0.0), (1, 10, 0.1), (1, 11, 0.2), (2, 12, 0.15), (3, 12, 0.5))
    cases = leak_cases.summary(leak_cases.group(pairs, 0.3), np.zeros(20))
    assert cases[["rows", "others", "n"]].to_numpy().tolist() == [[(0, 1), (10, 11), 4], [(2,), (12,), 2]]
    assert leak_cases.counts(pairs, np.array([0.0, 0.12, 0.16, 0.6])).tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_grouping_anew_at_every_threshold(seed):
    chance = np.random.default_rng(seed)
    pairs = pairs_of(
        *zip(chance.integers(0, 20, 40), chance.integers(20, 40, 40), chance.uniform(0, 1, 40).round(2), strict=True)
    )
    grid = np.linspace(0, 1, 11)
    anew = [leak_cases.group(pairs, threshold)["case"].nunique() for threshold in grid]
    assert leak_cases.counts(pairs, grid).tolist() == anew


def test_verdicts_are_read_from_the_ledger_and_undone_with_it(leaky):
    case = leaky.leaks().cases(leaky.labels.values).iloc[0]
    read = lambda: verdict(case["rows"], case["others"], leaky.states())  # noqa: E731
    assert read() == ""
    for act, rows, expected in (
        (leaky.drop, case["rows"], "leak"),
        (leaky.drop, case["others"], "test"),
        (leaky.keep, case["others"], "legitimate"),
    ):
        act(rows)
        assert read() == expected
        leaky.undo()
        assert read() == ""
