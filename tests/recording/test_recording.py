"""A loop of the user's, written down: the same loop as ours gives the same record, and what does not fit is refused."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import attribution
from attribution import DataConfig, FlagConfig, ModelConfig, Project, ScoreConfig, TrainConfig, UserError
from attribution.models.build import build_model
from attribution.models.devices import seeded
from attribution.storage.files import read_json
from attribution.training.recipe import batches, epoch_order, epoch_seed, make_optimizer
from attribution.training.schedules import learning_rate

RECIPE = TrainConfig(epochs=4, batch_size=16, lr=0.1, checkpoints=4, seed=3, device="cpu")


@pytest.fixture
def project(tmp_path):
    return Project.create("mine", table(tmp_path), ModelConfig("mlp", width=12), RECIPE)


def table(folder, rows=120):
    chance = np.random.default_rng(0)
    y = chance.integers(3, size=rows)
    x = chance.normal(size=(rows, 4)) + 1.5 * np.eye(3, 4)[y]
    y[:8] = (y[:8] + 1) % 3
    frame = pd.DataFrame(x, columns=list("pqrs")).assign(label=[f"class {one}" for one in y])
    frame.assign(split=["train"] * 80 + ["val"] * 20 + ["test"] * 20).to_csv(folder / "t.csv", index=False)
    return DataConfig(path=str(folder / "t.csv"), split="split")


def data_of(project):
    rows = project.dataset.rows("train")
    return project.dataset.tensor(rows), torch.tensor(project.labels.values[rows]), project.dataset.ids[rows].tolist()


def loop(project, folder, *, epochs=RECIPE.epochs, evaluate=True, rated=True, ids=None, **settings):
    """Our recipe as somebody would write it: the same batches, rates and weights to begin with."""
    x, y, names = data_of(project)
    names = names if ids is None else ids
    model = build_model(project.model_config, project.info, RECIPE.seed)
    optimizer = make_optimizer(model, RECIPE)
    given = {"optimizer": optimizer} if rated else {}
    rec = attribution.record(folder, model, names, **given, seed=RECIPE.seed, **settings)
    whole = DataLoader(rec.wrap(TensorDataset(x, y)), batch_size=32)
    step = 0
    for epoch in range(1, epochs + 1):
        seed = epoch_seed(RECIPE.seed, epoch)
        plan = list(batches(epoch_order(np.ones(len(y), bool), seed), RECIPE.batch_size))
        model.train()
        with seeded(seed):
            for places in plan:
                optimizer.param_groups[0]["lr"] = learning_rate(step, len(plan) * RECIPE.epochs, RECIPE)
                outputs = model(x[places])
                loss = torch.nn.functional.cross_entropy(outputs, y[places])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                rec.log([names[place] for place in places], outputs, y[places])
                step += 1
            rec.epoch(evaluate=whole if evaluate else None, **({} if rated else {"lr": 0.1 / epoch}))
    return rec


def test_the_same_loop_gives_the_record_the_weights_and_the_unit_of_our_own(project, tmp_path):
    ours = project.train()
    loop(project, tmp_path / "rec")
    theirs = project.add_run(tmp_path / "rec")
    assert project.run.id == theirs.id != ours.id
    mine = ours.dynamics().sort_values(["epoch", "row"]).reset_index(drop=True)
    pd.testing.assert_frame_equal(theirs.dynamics(), mine, rtol=1e-4, atol=1e-5)
    assert [weight for _, weight in theirs.checkpoints] == pytest.approx([w for _, w in ours.checkpoints], rel=1e-9)
    assert (theirs.config["weight_unit"], theirs.config["seed"], theirs.config["source"]) == ("nats", 3, "loaded")
    found = [
        project.score(ScoreConfig(estimator="tracin", queries="test", run=run.id, device="cpu")).matrix()[1]
        for run in (ours, theirs)
    ]
    assert np.allclose(*found, rtol=1e-3, atol=1e-4 * np.abs(found[0]).max())
    names = ("aum", "data-map")
    tables = [project.flag(FlagConfig(detectors=names, run=run.id, device="cpu")).detectors for run in (ours, theirs)]
    for name in names:
        assert np.allclose(tables[0][name], tables[1][name], rtol=1e-4, atol=1e-5)


def test_without_a_pass_the_record_is_of_the_steps_and_rates_are_those_given(project, tmp_path):
    loop(project, tmp_path / "rec", evaluate=False, rated=False, every=2)
    run = project.add_run(str(tmp_path / "rec"))
    assert run.config["recorded"]["how"] == "log"
    assert [entry["epoch"] for entry in run.config["checkpoints"]] == [2, 4]
    assert [weight for _, weight in run.checkpoints] == pytest.approx([0.05, 0.025])
    assert run.config["weight_unit"] == "rate"
    assert len(run.dynamics()) == 4 * 80
    order = pd.read_parquet(tmp_path / "rec" / "epochs" / "order-001.parquet")
    assert order["step"].max() == 4
    assert sorted(order["row"]) == list(range(80))


def test_a_crash_loses_no_more_than_the_epoch_it_interrupts(project, tmp_path):
    rec = loop(project, tmp_path / "rec", epochs=2)
    x, y, names = data_of(project)
    rec.log(names[:16], rec.model(x[:16]), y[:16])  # and then the machine goes down
    (tmp_path / "rec" / "epochs" / "epoch-003.parquet").write_bytes(b"half a")
    (tmp_path / "rec" / "checkpoints" / "epoch-003.safetensors").write_bytes(b"half a")
    run = project.add_run(tmp_path / "rec")
    assert sorted(set(run.dynamics()["epoch"])) == [1, 2]
    with pytest.raises(UserError, match="holds a recording already"):
        attribution.record(tmp_path / "rec", rec.model)
    again = attribution.record(tmp_path / "rec", rec.model, resume=True)
    again.log(names, rec.model(x), y)
    again.epoch(lr=0.01)
    assert [line["epoch"] for line in read_json(tmp_path / "rec" / "record.json")["epochs"]] == [1, 2, 3]
    assert len(project.add_run(tmp_path / "rec").dynamics()) == 3 * 80


def test_ids_that_do_not_fit_are_refused_and_missing_ones_are_said(project, tmp_path):
    x, y, names = data_of(project)
    loop(project, tmp_path / "strange", epochs=1, ids=["who", *names[1:]])
    with pytest.raises(UserError, match=r"1 of the 80 recorded ids are none .* 'who'"):
        project.add_run(tmp_path / "strange")
    held = project.dataset.ids[project.dataset.rows("test")][0]
    loop(project, tmp_path / "held", epochs=1, ids=[held, *names[1:]])
    with pytest.raises(UserError, match="1 recorded samples are held out here"):
        project.add_run(tmp_path / "held")
    loop(project, tmp_path / "moved", epochs=1, ids=[*names[1:], names[0]])
    with pytest.raises(UserError, match="trained on another label"):
        project.add_run(tmp_path / "moved")
    rec = attribution.record(tmp_path / "few", build_model(project.model_config, project.info, 0))
    rec.log(names[:70], rec.model(x[:70]), y[:70])
    rec.epoch()
    said = []
    run = project.add_run(tmp_path / "few", progress=attribution.Progress(lambda *told: said.append(told[2])))
    assert run.config["recorded"]["missing"] == 10
    assert any("10 training samples were never recorded" in words for words in said)
    other = attribution.record(tmp_path / "other", rec.model, names)
    other.log(["who"], rec.model(x[:1]), y[:1])
    with pytest.raises(UserError, match="is none of the 80 ids"):
        other.epoch()


def test_places_in_the_table_are_ids_too_and_classes_are_matched_by_name(project, tmp_path):
    places = [int(name.removeprefix("row-")) - 1 for name in data_of(project)[2]]
    loop(project, tmp_path / "rec", ids=places, classes=project.classes)
    run = project.add_run(tmp_path / "rec")
    assert (run.dynamics()["row"].to_numpy()[:80] == project.dataset.rows("train")).all()
    x, y, names = data_of(project)
    turned = attribution.record(
        tmp_path / "turned", build_model(project.model_config, project.info, 0), names, classes=project.classes[::-1]
    )
    turned.log(names, turned.model(x), 2 - y)
    turned.epoch()
    assert set(project.add_run(tmp_path / "turned").dynamics()["row"]) == set(project.dataset.rows("train"))
    bad = attribution.record(tmp_path / "bad", turned.model, names, classes=["a", "b", "c"])
    bad.log(names, turned.model(x), y)
    bad.epoch()
    with pytest.raises(UserError, match="The recording's classes are a, b, c"):
        project.add_run(tmp_path / "bad")


def test_the_loop_is_left_as_it_was(project, tmp_path):
    x, y, names = data_of(project)
    model = build_model(project.model_config, project.info, 0).train()
    next(model.children()).eval()  # somebody froze a part
    modes = [module.training for module in model.modules()]
    rec = attribution.record(tmp_path / "rec", model, names)
    state = torch.random.get_rng_state()
    rec.epoch(evaluate=DataLoader(rec.wrap(TensorDataset(x, y)), batch_size=7, shuffle=True))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [module.training for module in model.modules()] == modes
    assert all(value.grad is None for value in model.parameters())
    about = json.loads((tmp_path / "rec" / "record.json").read_text())
    assert about["epochs"][0]["samples"] == 80


def test_what_is_no_log_is_said(project, tmp_path):
    x, y, names = data_of(project)
    model = build_model(project.model_config, project.info, 0)
    with pytest.raises(UserError, match="Some of the ids are the same"):
        attribution.record(tmp_path / "a", model, ["one", "one"])
    rec = attribution.record(tmp_path / "a", model, names)
    with pytest.raises(UserError, match="Nothing was logged"):
        rec.epoch()
    with pytest.raises(UserError, match="No targets"):
        rec.log(names[:4], model(x[:4]))
    with pytest.raises(UserError, match="A tensor is recorded"):
        rec.log(names[:4], "outputs", y[:4])
    with pytest.raises(UserError, match=r"rec\.wrap\(dataset\)"):
        rec.epoch(evaluate=[(x[:4], y[:4])])
    with pytest.raises(UserError, match="no setting 'evry'"):
        attribution.record(tmp_path / "b", model, evry=2)


def test_numbers_are_recorded_as_they_stand(tmp_path):
    chance = np.random.default_rng(0)
    frame = pd.DataFrame(chance.normal(size=(60, 3)), columns=list("abc"))
    value = frame["a"] * 3 + frame["b"] + chance.normal(size=60) + 20
    frame.assign(label=value).to_csv(tmp_path / "n.csv", index=False)
    config = DataConfig(path=str(tmp_path / "n.csv"), task="regression")
    scaled = Project.create("scaled", config)
    plain = Project.create(
        "plain",
        DataConfig(path=config.path, task="regression", task_options=("standardise=false",)),
        ModelConfig("mlp"),
    )
    rows = plain.dataset.rows("train")
    model = build_model(plain.model_config, plain.info, 0)
    rec = attribution.record(tmp_path / "rec", model, plain.dataset.ids[rows], task="regression")
    rec.log(plain.dataset.ids[rows], model(plain.dataset.tensor(rows)), torch.tensor(plain.labels.values[rows]))
    rec.epoch()
    found = plain.add_run(tmp_path / "rec").dynamics()
    assert np.allclose(found["error"], found["prediction"] - plain.labels.values[found["row"]])
    with pytest.raises(UserError, match="standardise=false"):
        scaled.add_run(tmp_path / "rec")


def test_nothing_heavy_is_imported_before_a_recording_begins():
    import subprocess
    import sys

    code = "import sys, attribution; attribution.record; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_loop_that_logs_its_batches_can_be_rewound_as_ours_can(project, tmp_path):
    ours = project.rewind(project.train())
    loop(project, tmp_path / "rec", evaluate=False)
    theirs = project.rewind(project.add_run(tmp_path / "rec"))
    assert np.allclose(theirs.steps["loss"], ours.steps["loss"], rtol=1e-4, atol=1e-5)
    for step in (1, 2, len(ours.steps)):
        assert set(theirs.rows(step)) == set(ours.rows(step))


def test_a_recording_by_a_pass_of_its_own_says_nothing_of_steps(project, tmp_path):
    loop(project, tmp_path / "rec")
    with pytest.raises(UserError, match="without logging"):
        project.rewind(project.add_run(tmp_path / "rec"))
