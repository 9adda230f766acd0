"""The same path for every task: from the user's file to a trained run, a score, an edit, and the trainings of a
retrain."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attribution import DataConfig, ModelConfig, Project, RetrainConfig, ScoreConfig, TrainConfig
from attribution.datasets.load import import_data, preview
from attribution.errors import UserError

N = 200
RECIPE = TrainConfig(epochs=8, batch_size=20, checkpoints=1, lr=0.05)
SEEDS = (0, 1, 2)


def inputs():
    return np.random.default_rng(0).normal(size=(N, 4))


def targets():
    """Words of targets by task, that a linear model can learn."""
    x = inputs()
    noise = np.random.default_rng(1).normal(size=N)
    sets = [[name for name, on in zip(("cat", "dog", "fox"), row, strict=True) if on] for row in x[:, :3] > 0.3]
    return {
        "classification": ["up" if value > 0 else "down" for value in x[:, 0]],
        "binary": ["up" if value > 0 else "down" for value in x[:, 0]],
        "regression": [f"{200 + 50 * value:.2f}" for value in x[:, 0] - x[:, 1] + 0.1 * noise],
        "multilabel": [";".join(one) or "(none)" for one in sets],
    }


NEW = {"classification": "down", "binary": "down", "regression": "12.25", "multilabel": "cat;fox"}
SAID = {"classification": "accuracy", "binary": "accuracy", "regression": "rmse", "multilabel": "labels"}
GOOD = {"classification": 0.9, "binary": 0.9, "regression": 0.9, "multilabel": 0.85}


def table(folder, task):
    frame = pd.DataFrame(inputs(), columns=list("abcd"))
    frame["y"] = targets()[task]
    frame.to_csv(folder / "t.csv", index=False)
    return DataConfig(path=str(folder / "t.csv"), label="y", task=task)


@pytest.fixture(scope="module", params=list(NEW))
def project(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    made = Project.create(folder / "p", table(folder, request.param), ModelConfig("logistic"), RECIPE)
    made.train()
    return made


def test_it_learns_and_says_so_in_the_figures_of_its_task(project):
    task = project.dataset.task
    last = project.run.metrics().query("split == 'test'").iloc[-1]
    value = last[SAID[task.name]]
    if task.name == "regression":
        spread = project.dataset.labels[project.dataset.rows("test")].std()
        assert 1 - (value / spread) ** 2 > GOOD[task.name]
    else:
        assert value > GOOD[task.name]
    assert last["loss"] < task.chance(project.dataset.labels) / 2


def test_what_is_said_of_samples_is_what_the_model_answers(project):
    task, run = project.dataset.task, project.run
    said = project.predictions()
    rows = project.dataset.rows("all")
    model = run.model(dataset=project.dataset)
    outputs = model(project.dataset.tensor(rows)).detach()
    direct = task.said(outputs, project.labels.values)
    np.testing.assert_allclose(said["loss"], direct["loss"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        said["prediction"].to_numpy(float), np.asarray(direct["prediction"], float), rtol=1e-5, atol=1e-5
    )
    dynamics = run.dynamics()
    last = dynamics[dynamics["epoch"] == dynamics["epoch"].max()].set_index("row")
    np.testing.assert_allclose(last["loss"], said["loss"].loc[last.index], rtol=1e-3, atol=1e-5)
    if task.kind == "number":
        assert said["correct"].isna().all()
        np.testing.assert_allclose(last["error"], said["error"].loc[last.index], rtol=1e-3, atol=1e-3)


def test_a_score_of_the_worst_predictions_is_made_and_found_again(project):
    result = project.score(ScoreConfig(estimator="ip", queries="wrong"))
    assert result.n_queries > 0
    assert project.score(ScoreConfig(estimator="ip", queries="wrong")).id == result.id
    if project.dataset.task.kind == "number":
        size = project.predictions()["error"].abs().loc[project.dataset.rows("test")]
        assert set(project.query_rows("wrong")) == set(size.nlargest(len(size) // 10).index)


def test_an_edit_is_kept_in_words_and_undone_to_the_base_version(project):
    targets_of, base = project.dataset.task.targets, project.labels.version
    new = NEW[project.dataset.task.name]
    words = targets_of.words(project.labels.values)
    row, old = next((row, word) for row, word in enumerate(words) if word != new)
    (edit,) = project.relabel([row], new)
    assert (edit.old.label, edit.new.label) == (old, new)
    assert targets_of.word(project.labels.values[row]) == new
    assert project.labels.version != base
    project.drop([row + 1])
    assert not project.labels.active[row + 1]
    project.undo()
    project.undo()
    assert project.labels.version == base
    with pytest.raises(UserError):
        project.relabel([0], "no such thing")


def test_retraining_after_an_edit_makes_both_sides(project):
    new = NEW[project.dataset.task.name]
    rows = project.dataset.rows("train")[:20]
    project.relabel(rows, new)
    try:
        before = {run.id for run in project.runs()}
        project.retrain(RetrainConfig(seeds=SEEDS, bootstrap=50))
        made = [run for run in project.runs() if run.id not in before]
        assert len({run.version for run in made} | {project.labels.version}) == 2
    finally:
        project.undo()


# --- the other ways in ------------------------------------------------------------------------------------------------


def read(tmp_path, file, **settings):
    return import_data(DataConfig(path=str(tmp_path / file), **settings), tmp_path / f"data-{file}", "t")


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "npz"])
@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_every_reader_reads_the_same_targets(tmp_path, task, kind):
    x, words = inputs(), targets()[task]
    values = (
        [float(word) for word in words]
        if task == "regression"
        else [[] if word == "(none)" else word.split(";") for word in words]
    )
    frame = pd.DataFrame(x, columns=list("abcd")).assign(y=values)
    if kind == "jsonl":
        (tmp_path / "t.jsonl").write_text("\n".join(json.dumps(line) for line in frame.to_dict("records")))
    elif kind == "parquet":
        frame.to_parquet(tmp_path / "t.parquet")
    elif task == "regression":
        np.savez(tmp_path / "t.npz", X=x, y=np.array(values))
    else:
        names = np.array(["cat", "dog", "fox"])
        np.savez(tmp_path / "t.npz", X=x, y=np.array([[n in one for n in names] for one in values], int), classes=names)
    found = read(tmp_path, f"t.{kind}", label="y", task=task)
    plain = import_data(table(tmp_path, task), tmp_path / "plain", "t")
    assert found.task.targets.words(found.labels) == plain.task.targets.words(plain.labels)
    assert found.info.classes == plain.info.classes
    assert found.info.task == plain.info.task


def test_pictures_have_a_number_each_in_their_metadata(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["file_name,label,split"]
    for place in range(40):
        grey = rng.integers(0, 255)
        Image.fromarray(np.full((8, 8), grey, np.uint8)).save(tmp_path / f"{place}.png")
        lines.append(f"{place}.png,{grey / 10},{'test' if place >= 30 else 'train'}")
    (tmp_path / "metadata.csv").write_text("\n".join(lines))
    data = DataConfig(path=str(tmp_path), task="regression", unit="lx")
    found = import_data(data, tmp_path.parent / "pictures", "t")
    grey = found.inputs.reshape(40, -1).mean(1)
    np.testing.assert_allclose(found.labels, grey / 10)
    assert found.word(found.labels[0]) == f"{grey[0] / 10:g} lx"
    looked = preview(data)
    assert looked["balance"] == {}
    assert looked["target"]["unit"] == "lx"
    assert looked["target"]["quartiles"]["test"][0] == found.labels[30:].min()


def write(tmp_path, values, extra=None):
    frame = pd.DataFrame({"a": np.arange(len(values)) % 7, "y": values, **(extra or {})})
    frame.to_csv(tmp_path / "t.csv", index=False)


def test_splits_take_the_same_share_from_every_tenth_of_the_values(tmp_path):
    write(tmp_path, np.random.default_rng(0).exponential(size=1000).round(6))
    found = read(tmp_path, "t.csv", label="y", task="regression")
    values = found.labels
    tenths = np.searchsorted(np.quantile(values, np.linspace(0, 1, 11)[1:-1]), values, side="right")
    assert (np.bincount(tenths[found.rows("test")]) == 20).all()
    train = values[found.rows("train")]
    assert found.info.task["mean"] == pytest.approx(train.mean())
    assert found.info.task["std"] == pytest.approx(train.std())


@pytest.mark.parametrize("written", [["1,200", "950", "13,000"], ["$5", "$7.5", "$6"], ["12 %", "3 %", "40 %"]])
def test_spelled_numbers_are_numbers(tmp_path, written):
    write(tmp_path, written * 10)
    found = read(tmp_path, "t.csv", label="y", task="regression")
    labels = found.labels
    assert [one["what"] for one in found.info.problems if one["where"] == "labels" and "read as" in one["what"]]
    expected = [float(word.strip("$% ").replace(",", "")) / (100 if "%" in word else 1) for word in written]
    assert sorted(set(labels)) == pytest.approx(sorted(expected))


@pytest.mark.parametrize(
    ("values", "extra", "task", "said"),
    [
        ([1.5, 2.5, "cheap"] * 5, {}, "regression", "Row 3 of t.csv has the label 'cheap', which is no number"),
        ([1.5, 2.5, "1e999"] * 5, {}, "regression", "Row 3 of t.csv has the label '1e999', which is no finite number"),
        ([4.0] * 15, {}, "regression", "All samples of t.csv have the value 4"),
        (np.arange(30) * 1.5, {"b": np.arange(30) * 3.0}, "regression", "Column b of t.csv repeats the target"),
        (np.arange(30) * 1.5, {}, "auto", "--task regression"),
        (["a|b", "a", "b"] * 5, {}, "auto", "--task multilabel"),
        (["a;b", "a", "b;c"] * 5, {}, "binary", "One logit tells two apart"),
        (["a", "a"] * 8, {}, "multilabel", "need at least two labels"),
        ([f"l{i}" for i in range(70)], {}, "multilabel", "70 different labels"),
        ([1, 2, 3] * 5, {}, "regresion", "There is no task called 'regresion'"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_words(tmp_path, values, extra, task, said):
    write(tmp_path, values, extra)
    with pytest.raises(UserError) as refused:
        read(tmp_path, "t.csv", label="y", task=task)
    assert said in f"{refused.value.what} {refused.value.why} {refused.value.do}"


def test_samples_without_a_value_wait_and_are_given_one(tmp_path):
    values = [f"{value:.1f}" for value in np.random.default_rng(0).normal(50, 10, 60)]
    write(tmp_path, ["", *values])
    data = DataConfig(path=str(tmp_path / "t.csv"), label="y", task="regression", unlabelled="keep")
    project = Project.create(tmp_path / "p", data, ModelConfig("logistic"), RECIPE)
    (row,) = np.flatnonzero(~project.dataset.labelled)
    assert not project.labels.active[row]
    assert project.dataset.word(project.labels.values[row]) == "no label"
    project.train()
    assert np.isnan(project.predictions().loc[row, "loss"])
    project.relabel([int(row)], 51)
    assert project.labels.active[row]
    project.undo()
    assert not project.labels.active[row]


def test_settings_of_the_task_change_the_key_of_a_run_only_where_they_differ(tmp_path):
    config = table(tmp_path, "classification")
    plain = Project.create(tmp_path / "plain", config, ModelConfig("logistic"), RECIPE)
    auto = Project.create(tmp_path / "auto", replace(config, task="auto"), ModelConfig("logistic"), RECIPE)
    usual = Project.create(
        tmp_path / "usual", replace(config, task_options=("label_smoothing=0",)), ModelConfig("logistic"), RECIPE
    )
    smooth = Project.create(
        tmp_path / "smooth",
        replace(config, task_options=("label_smoothing=0.2", "class_weights=1 3")),
        ModelConfig("logistic"),
        RECIPE,
    )
    runs = [one.train() for one in (plain, auto, usual, smooth)]
    assert runs[0].id == runs[1].id == runs[2].id != runs[3].id
    assert smooth.dataset.task.settings.class_weights == (1.0, 3.0)
    assert runs[3].metrics()["loss"].iloc[-1] > runs[0].metrics()["loss"].iloc[-1]
    with pytest.raises(UserError, match="has no setting 'smoothing=1'"):
        Project.create(tmp_path / "x", replace(config, task_options=("smoothing=1",)))


def test_the_huber_loss_is_moved_less_by_wild_values(tmp_path):
    words = np.array(targets()["regression"], dtype=float)
    words[:30] += 2000
    frame = pd.DataFrame(inputs(), columns=list("abcd")).assign(y=words, split=["train"] * 150 + ["test"] * 50)
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = DataConfig(path=str(tmp_path / "t.csv"), label="y", task="regression")
    found = {}
    for name, options in {"squared": (), "huber": ("loss=huber", "delta=0.1")}.items():
        made = Project.create(tmp_path / name, replace(data, task_options=options), ModelConfig("logistic"), RECIPE)
        found[name] = made.train().metrics().query("split == 'test'")["mae"].iloc[0]
    assert found["huber"] < found["squared"] / 2


def test_a_model_in_the_unit_of_the_data_is_said_and_taken(tmp_path):
    import torch
    from torch import nn

    net = nn.Linear(4, 1)
    with torch.no_grad():
        net.weight.copy_(torch.tensor([[50.0, -50.0, 0, 0]]))
        net.bias.fill_(200.0)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef build(shape, outputs): return nn.Linear(shape[0], outputs)"
    )
    data = table(tmp_path, "regression")
    model = ModelConfig(f"{tmp_path / 'net.py'}:build", checkpoints=(str(tmp_path / "net.pt"),))
    with pytest.raises(UserError, match=r"do worse than guessing: RMSE .*standardise=false"):
        Project.create(tmp_path / "no", data, model, trust_code=True)
    taken = Project.create(tmp_path / "yes", replace(data, task_options=("standardise=false",)), model, trust_code=True)
    assert "RMSE" in taken.first_look["measured"]["words"]
    run = taken.train()
    assert run.metrics()["rmse"].max() < 10
    assert taken.dataset.task.unit == "squared units"


def test_a_network_may_return_one_number_with_or_without_a_dimension_of_its_own(tmp_path):
    code = "from torch import nn\nclass Net(nn.Module):\n    def __init__(self, shape, width):\n"
    code += "        super().__init__()\n"
    code += "        self.line = nn.Linear(shape[0], width)\n    def forward(self, x):\n        return self.line(x){}\n"
    code += "def build(shape, classes): return Net(shape, {})\n"
    found = {}
    for name, ending, width in (("flat", "[:, 0]", "classes"), ("column", "", 1), ("wide", "", 2)):
        (tmp_path / f"{name}.py").write_text(code.replace("{}", ending, 1).replace("{}", str(width)))
        model = ModelConfig(f"{tmp_path / name}.py:build")
        if name == "wide":
            with pytest.raises(UserError, match=r"One number per sample .*\(4, 1\) or \(4,\)"):
                Project.create(tmp_path / name, table(tmp_path, "regression"), model, RECIPE, trust_code=True)
            continue
        made = Project.create(tmp_path / name, table(tmp_path, "regression"), model, RECIPE, trust_code=True)
        made.train()
        score = made.score(ScoreConfig(estimator="ip", queries="wrong"))
        found[name] = (made.predictions()["prediction"].to_numpy(), score.top(0)["influence"].to_numpy())
    np.testing.assert_allclose(found["flat"][0], found["column"][0], rtol=1e-5)
    np.testing.assert_allclose(found["flat"][1], found["column"][1], rtol=1e-3)


def test_texts_may_have_a_number_each(tmp_path):
    rng = np.random.default_rng(0)
    words = np.array(["dull", "plain", "fine", "good", "grand"])
    grades = rng.integers(0, 5, size=(300, 6))
    frame = pd.DataFrame({"text": [" ".join(words[line]) for line in grades], "stars": grades.mean(1).round(3)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    data = DataConfig(path=str(tmp_path / "t.csv"), label="stars", text="text", task="regression")
    made = Project.create(tmp_path / "p", data)
    last = made.train().metrics().query("split == 'test'").iloc[-1]
    assert last["loss"] < 0.3
