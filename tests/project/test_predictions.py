"""Predictions and embeddings of the user's own: a run without a model, whose lines are matched and checked."""

import numpy as np
import pandas as pd
import pytest

from attribution import DataConfig, FlagConfig, LeakConfig, MapConfig, Project, ScoreConfig, UserError
from attribution.estimators import estimators


@pytest.fixture
def said(tiny_project):
    return np.array(tiny_project.run.probabilities()), np.array(tiny_project.run.representation())


def test_queue_leaks_map_and_neighbours_work_without_a_model(bare_project, said):
    run = bare_project.add_predictions(*said, folds=True)
    assert (run.given, run.loaded, run.checkpoints) == (True, True, [])
    assert bare_project.run.id == run.id == bare_project.add_predictions(*said, folds=True).id
    assert np.allclose(run.probabilities(), said[0], atol=1e-6)
    found = bare_project.flag(FlagConfig(device="cpu"))
    assert "confident-learning" in found.config["detectors"]
    assert set(found.config["skipped"]) >= {"aum", "self-influence"}
    assert found.config["held_out"]
    assert {"leak", "duplicate"} >= set(bare_project.find_leaks(LeakConfig()).pairs["relation"])
    assert np.isfinite(bare_project.embed(MapConfig(method="pca")).coordinates).all()
    assert bare_project.score(ScoreConfig(estimator="knn-shapley", queries="test")).n_queries == 120
    assert bare_project.prepare().id == run.id


def test_out_of_fold_predictions_are_taken_as_such_and_others_are_not(bare_project, said):
    bare_project.add_predictions(*said, folds=True)
    table = bare_project.flag(FlagConfig(detectors=("confident-learning",))).detectors
    rows, p = table["row"].to_numpy(), said[0].astype(np.float64)
    own = p[rows, bare_project.labels.values[rows]]
    others = p[rows].copy()
    others[np.arange(len(rows)), bare_project.labels.values[rows]] = -1
    assert np.allclose(table["confident-learning"], 1 - (own - others.max(1) + 1) / 2, atol=1e-6)
    bare_project.add_predictions(*said)
    with pytest.raises(UserError, match="--here"):
        bare_project.flag(FlagConfig(detectors=("confident-learning",)))


@pytest.mark.parametrize("name", estimators.names())
def test_an_estimator_answers_from_what_there_is_or_refuses_in_words(bare_project, said, name):
    bare_project.add_predictions(*said)
    asked = ScoreConfig(estimator=name, queries=str(bare_project.dataset.ids[-1]))
    if name in ("knn-shapley", "random", "representation", "representer"):
        assert np.isfinite(bare_project.score(asked).summary["influence"]).all()
    else:
        with pytest.raises(UserError) as refusal:
            bare_project.score(asked)
        assert refusal.value.do


def test_work_that_takes_the_model_says_what_to_do(bare_project, said):
    bare_project.add_predictions(*said)
    for work in (bare_project.angle, bare_project.damping_sweep):
        with pytest.raises(UserError, match="predictions alone"):
            work()
    bare_project.drop([1], reason="blurred")
    with pytest.raises(UserError, match="--here"):
        bare_project.retrain()


def test_lines_belong_to_samples_by_their_ids(bare_project, said, tmp_path):
    wanted = bare_project.add_predictions(said[0]).id
    ids = bare_project.dataset.ids
    order = np.random.default_rng(0).permutation(len(ids))
    assert bare_project.add_predictions(said[0][order], ids=ids[order]).id == wanted
    frame = pd.DataFrame(said[0], columns=list(bare_project.classes))[::-1].iloc[:, ::-1].assign(id=ids[::-1])
    frame.to_parquet(tmp_path / "said.parquet")
    assert bare_project.add_predictions(tmp_path / "said.parquet").id == wanted
    np.savez(tmp_path / "said.npz", predictions=said[0][order], id=ids[order].astype(str))
    assert bare_project.add_predictions(str(tmp_path / "said.npz")).id == wanted


def test_lines_of_a_table_are_counted_as_they_stand_in_it(tmp_path):
    chance = np.random.default_rng(0)
    y = chance.integers(2, size=80)
    x = y[:, None] * 2.0 + chance.normal(size=(80, 3))
    words = np.array(["no", "yes"], dtype=object)[y]
    words[5] = None  # left out
    pd.DataFrame(x, columns=list("abc")).assign(label=words).to_csv(tmp_path / "t.csv", index=False)
    project = Project.create("t", DataConfig(path=str(tmp_path / "t.csv")))
    said = np.stack([1 - 0.9 * y, 0.1 + 0 * y], 1)
    said[:, 1] = 1 - said[:, 0]
    run = project.add_predictions(said)
    assert (run.probabilities().argmax(1) == project.labels.values).all()
    assert np.array_equal(project.add_predictions(said[:, 1]).probabilities(), run.probabilities())
    assert run.config["representation"] == "inputs"
    with pytest.raises(UserError, match="lines belong to other samples"):
        project.add_predictions(1 - said)


def test_what_are_no_predictions_is_said(bare_project, said, tmp_path):
    n = len(bare_project.dataset)
    for given, words in (
        (said[0][:-1], f"{n - 1:,} lines of predictions for {n:,} samples"),
        (said[0][:, :-1], "has 10 classes"),
        (np.log(said[0] + 1e-9), "look like logits"),
        (said[0] * 0.5, "sum to 0.5"),
        (np.where(np.arange(n)[:, None] == 3, np.nan, said[0]), "are not finite"),
        (np.array([["a"]] * n), "are <U1"),
        (tmp_path / "nothing.npy", "is no file"),
    ):
        with pytest.raises(UserError, match=words):
            bare_project.add_predictions(given)
    with pytest.raises(UserError, match=r"no predictions for 1 of .* Not known here: nobody"):
        bare_project.add_predictions(said[0], ids=["nobody", *bare_project.dataset.ids[1:]])
    (tmp_path / "torn.npy").write_bytes(b"\x93NUMPY torn")
    with pytest.raises(UserError, match=r"torn.npy cannot be read"):
        bare_project.add_predictions(tmp_path / "torn.npy")


def test_numbers_and_sets_of_labels_have_their_own_forms(tmp_path):
    chance = np.random.default_rng(1)
    frame = pd.DataFrame(chance.normal(size=(60, 3)), columns=list("abc"))
    value = (frame["a"] - 2 * frame["b"] + chance.normal(size=60)) * 30 + 100
    frame.assign(label=value).to_csv(tmp_path / "n.csv", index=False)
    numbers = Project.create("n", DataConfig(path=str(tmp_path / "n.csv"), task="regression"))
    run = numbers.add_predictions(np.array(value + 1))
    error = numbers.predictions(run)["error"]
    assert np.allclose(error, 1, atol=1e-4)
    frame.assign(label=np.where(frame["a"] > 0, "p;q", "q")).to_csv(tmp_path / "s.csv", index=False)
    sets = Project.create("s", DataConfig(path=str(tmp_path / "s.csv"), task="multilabel"))
    p = np.stack([np.where(frame["a"] > 0, 0.9, 0.2), np.full(60, 0.8)], 1)
    assert (sets.predictions(sets.add_predictions(p, folds=True))["correct"] == 1).all()
    assert "out-of-fold-loss" in sets.flag().config["detectors"]


def test_an_object_and_a_table_with_ids_of_its_own_keep_the_order_of_their_lines(tmp_path):
    chance = np.random.default_rng(0)
    y = chance.integers(2, size=60)
    frame = pd.DataFrame(chance.normal(size=(60, 2)), columns=list("ab")).assign(label=[f"k{one}" for one in y])
    p = np.stack([1 - 0.9 * y - 0.05, 0.9 * y + 0.05], 1)
    named = frame.assign(key=[f"name {one}" for one in chance.permutation(60)])
    named.to_csv(tmp_path / "t.csv", index=False)
    handed = Project.create("handed", frame, label="label")
    filed = Project.create("filed", DataConfig(path=str(tmp_path / "t.csv"), id="key", features=("a", "b")))
    arrays = Project.create("arrays", (frame[["a", "b"]].to_numpy(), y))
    for project in (handed, filed, arrays):
        assert (project.add_predictions(p).probabilities().argmax(1) == project.labels.values).all()


def test_the_verb_takes_files_and_the_report_says_whose_predictions_they_are(
    bare_project, said, tmp_path, monkeypatch, capsys
):
    from attribution import __main__

    np.save(tmp_path / "p.npy", said[0])
    np.savez(tmp_path / "e.npz", seen=said[1])
    words = ["add-predictions", tmp_path / "p.npy", "--embeddings", tmp_path / "e.npz", "--folds", "-p", "bare"]
    monkeypatch.setattr("sys.argv", ["datablame", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert not ended.value.code
    run = bare_project.add_predictions(*said, folds=True)
    assert f"run {run.id}" in capsys.readouterr().out
    assert "datablame add-predictions FILE" in bare_project.report(tmp_path / "r.html").read_text()
    assert "predictions alone" in bare_project.summary()
