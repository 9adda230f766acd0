"""A proof by the user's own script: what it is handed, what it may leave, how it fails, when it may not run."""

import json
import os
import shutil
import sys
import textwrap
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from attribution import DataConfig, ModelConfig, Project, RetrainConfig, TrainConfig
from attribution.cli import cli
from attribution.errors import Cancelled, UserError
from attribution.progress import Progress
from attribution.studies.retrain import returned
from attribution.studies.retrain.returned import Wanted
from attribution.trust import store
from attribution.trust.commands import look_command

NAMES = ["a", "b", "c"]
ROWS = {"train": 180, "val": 20, "test": 300}
TRAIN = """
import argparse, pathlib, sys
import numpy as np
import pandas as pd

parser = argparse.ArgumentParser()
for name in ("data", "out", "seed", "labels"):
    parser.add_argument("--" + name)
given = parser.parse_args()
table = pd.read_csv(given.data)
classes = sorted(table["label"].unique())
chance = np.random.default_rng(int(given.seed))
x = table[["x0", "x1", "x2", "x3"]].to_numpy()
train, test = (np.flatnonzero(table["split"] == name) for name in ("train", "test"))
x = (x - x[train].mean(0)) / x[train].std(0)
y = np.eye(len(classes))[[classes.index(name) for name in table["label"]]]
weights, constant = chance.normal(0, .1, (4, len(classes))), np.zeros(len(classes))
for epoch in range(15):
    order = chance.permutation(train)
    for batch in np.array_split(order, 12):
        logits = x[batch] @ weights + constant
        p = np.exp(logits - logits.max(1, keepdims=True))
        error = (p / p.sum(1, keepdims=True) - y[batch]) / len(batch)
        weights -= .3 * x[batch].T @ error
        constant -= .3 * error.sum(0)
print("trained on", len(train), "samples")
logits = x[test] @ weights + constant
p = np.exp(logits - logits.max(1, keepdims=True))
p /= p.sum(1, keepdims=True)
ids = table["name"].to_numpy()[test]
out = pathlib.Path(given.out)
"""
LEAVE = "pd.DataFrame(p, columns=classes).assign(id=ids).to_parquet(out / 'predictions.parquet')"
COMMAND = f"{sys.executable} train.py --data {{data}} --out {{out}} --seed {{seed}}"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project of a noisy table in which half of the wrong labels are set right and ten samples are dropped."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(3)
    n = sum(ROWS.values())
    labels = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 4)) + 1.1 * np.eye(3, 4)[labels]
    split = np.repeat(list(ROWS), list(ROWS.values()))
    bad = (split == "train") & (rng.random(n) < 0.35)
    table = pd.DataFrame(x, columns=["x0", "x1", "x2", "x3"])
    table = table.assign(label=[NAMES[one] for one in np.where(bad, (labels + 1) % 3, labels)], split=split)
    table = table.assign(name=[f"s{number:04}" for number in rng.permutation(n)], right=[NAMES[one] for one in labels])
    table = table.sample(frac=1, random_state=0).reset_index(drop=True)
    right = dict(zip(table["name"], table.pop("right"), strict=True))
    table.to_csv(folder / "table.csv", index=False)
    data = DataConfig(
        path=str(folder / "table.csv"), label="label", id="name", split="split", features=("x0", "x1", "x2", "x3")
    )
    plain = {"momentum": 0.0, "weight_decay": 0.0, "schedule": "constant"}
    recipe = TrainConfig(epochs=15, batch_size=15, lr=0.3, checkpoints=1, device="cpu", **plain)
    project = Project.create(folder / "project", data, ModelConfig(name="logistic"), recipe)
    project.train()
    ids = project.dataset.ids
    words = project.dataset.task.targets.words(project.labels.values)
    wrong = [row for row in project.dataset.rows("train") if right[ids[row]] != words[row]]
    project.drop(wrong[:10])
    for row in wrong[10:]:
        project.relabel([row], right[ids[row]])
    return project.folder


@pytest.fixture
def project(made, tmp_path, monkeypatch):
    """A copy of it, and a folder with the script."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(made, tmp_path / "project")
    return Project.open(tmp_path / "project")


def write(last=LEAVE, first=TRAIN, name="train.py"):
    Path(name).write_text(textwrap.dedent(first) + last + "\n")


def config(**settings):
    return RetrainConfig(**{"command": COMMAND, "bootstrap": 200, "device": "cpu", **settings})


def test_the_proof_of_a_script_is_ours_with_the_same_recipe_within_noise(project):
    write()
    theirs = project.retrain(config())
    ours = project.retrain(RetrainConfig(bootstrap=200, device="cpu"))
    assert theirs.outcome == ours.outcome == "better"
    for name in ("accuracy", "loss"):
        mine, other = theirs.changes[name].difference, ours.changes[name].difference
        assert mine.low <= other.estimate <= mine.high
        assert other.low <= mine.estimate <= other.high
    assert f"trained by your own script: {COMMAND}" in theirs.verdict
    assert "your own" not in ours.verdict
    assert (theirs.own, ours.own) == (True, False)
    assert theirs.n_dropped == ours.n_dropped == 10
    assert theirs.n_relabelled == ours.n_relabelled
    assert theirs.prediction["unit"] == "nats"
    assert theirs.prediction["predicted"] < 0
    assert project.comparisons()[0].id == ours.id
    assert not (project.folder / "scripts" / ".data").exists()


def test_the_script_is_handed_the_users_own_file_and_a_list_of_labels(project, tmp_path):
    place = f"r'{tmp_path}/seen-' + pathlib.Path(given.data).parent.name + '.csv'"
    keep = f"import shutil; shutil.copy(given.data, {place}); shutil.copy(given.labels, r'{tmp_path}/labels.csv')"
    write(f"{LEAVE}\n{keep}")
    project.retrain(config(command=COMMAND + " --labels {labels}"))
    base = project.dataset.base_version().version
    table = pd.read_csv(project.data_config.path)
    before, after = (pd.read_csv(tmp_path / f"seen-{name}.csv") for name in (base, project.labels.version))
    pd.testing.assert_frame_equal(before, table)
    assert len(after) == len(table) - 10
    assert list(after) == list(table)
    now = dict(zip(project.dataset.ids, project.dataset.task.targets.words(project.labels.values), strict=True))
    assert [now[name] for name in after["name"]] == after["label"].tolist()
    told = pd.read_csv(tmp_path / "labels.csv")
    assert list(told) == ["id", "label", "active", "split"]
    assert told["id"].tolist()[: len(after)] == after["name"].tolist()
    assert (~told["active"]).sum() == 10


def test_what_is_done_is_found_again_and_a_changed_script_is_not(project, tmp_path):
    count = f"open(r'{tmp_path}/runs', 'a').write('x')"
    write(f"{LEAVE}\n{count}")
    first = project.retrain(config())
    assert len((tmp_path / "runs").read_text()) == 6
    assert project.retrain(config()).id == first.id
    more = project.retrain(config(seeds=(0, 1, 2, 3)))
    assert (more.id != first.id, len((tmp_path / "runs").read_text())) == (True, 8)
    project.drop([int(project.dataset.rows("train")[-1])])
    project.retrain(config())
    assert len((tmp_path / "runs").read_text()) == 11  # before the edits all is there
    write(f"{LEAVE}\n{count}\n# another file")
    project.retrain(config())
    assert len((tmp_path / "runs").read_text()) == 17


def test_a_script_that_fails_says_its_last_lines_and_seeds_that_are_done_stay(project, tmp_path):
    count = f"open(r'{tmp_path}/runs', 'a').write('x')"
    fail = "if given.seed == '1' and not pathlib.Path('mended').exists(): print('about to'); sys.exit('no such thing')"
    write(f"{fail}\n{LEAVE}\n{count}")
    with pytest.raises(UserError) as refused:
        project.retrain(config())
    assert "ended with status 1" in refused.value.what
    assert refused.value.what.rstrip().endswith("no such thing")
    assert "about to" in refused.value.what
    assert len((tmp_path / "runs").read_text()) == 1
    Path("mended").touch()
    project.retrain(config())
    assert len((tmp_path / "runs").read_text()) == 6


@pytest.fixture
def said(made):
    """Probabilities (n, c) and logits of the test samples of a project, their ids, and what is wanted of a file."""
    dataset = Project.open(made).dataset
    rows = dataset.rows("test")
    logits = np.random.default_rng(0).normal(size=(len(rows), 3))
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return p, logits, dataset.ids[rows], Wanted(dataset, rows[5:], rows, {})


def test_every_form_of_predictions_says_the_same(said, tmp_path):
    p, logits, ids, wanted = said
    mixed = np.random.default_rng(1).permutation(len(p))
    forms = {
        "1/predictions.parquet": pd.DataFrame(p, columns=NAMES).assign(id=ids).iloc[mixed],
        "2/predictions.csv": pd.DataFrame(p[:, ::-1], columns=["p_c", "p_b", "p_a"]).assign(id=ids, label="a"),
        "3/predictions.csv": pd.DataFrame(logits + 3, columns=["logit_a", "logit_b", "logit_c"]).assign(id=ids),
        "4/predictions.parquet": pd.DataFrame({"id": ids, "probabilities": list(p)}),
        "5/predictions.parquet": pd.DataFrame({"id": ids, "logits": list(logits)}),
        "6/predictions.csv": pd.DataFrame(p).assign(id=ids, seed=1),
        "7/predictions.csv": pd.DataFrame(p, columns=NAMES),
        "8/predictions.npy": p,
        "9/predictions.npy": logits - 1,
        "10/predictions.npy": p[5:],
    }
    for name, form in forms.items():
        path = tmp_path / name
        path.parent.mkdir()
        if path.suffix == ".npy":
            np.save(path, form)
        else:
            form.to_csv(path) if path.suffix == ".csv" else form.to_parquet(path)
        found = returned.predictions(path, wanted)
        kept = wanted.dataset.task.kept(torch.from_numpy(found))
        assert np.allclose(kept[wanted.test], p[5:], atol=1e-6), name
        assert np.isnan(found[: -len(p)]).all()


def test_one_probability_is_enough_for_two_classes_and_numbers_are_numbers():
    from attribution.tasks.binary import Binary
    from attribution.tasks.classification import Classification
    from attribution.tasks.multilabel import MultiLabel

    p = np.array([0.1, 0.9, 0.4])
    for task in (Classification(("no", "yes")), Binary(("no", "yes"))):
        for form in (p, np.stack([1 - p, p], 1), np.log(p / (1 - p))[:, None]):
            found = returned.outputs(form, _wanted_of(task, 3), "it")
            assert np.allclose(task.kept(torch.from_numpy(found))[:, 1], p)
    sets = MultiLabel(("x", "y"))
    each = np.array([[0.9, 0.8], [0.2, 0.1], [0.5, 0.5]])
    for form in (each, np.log(each / (1 - each))):
        assert np.allclose(returned.outputs(form, _wanted_of(sets, 3), "it"), np.log(each / (1 - each)))


def _wanted_of(task, n):
    """What is wanted of n test samples that are all there is."""

    class Data:
        ids = np.array([f"s{number}" for number in range(n)], dtype=object)
        info = SimpleNamespace(classes=task.classes)

        def __len__(self):
            return n

    data = Data()
    data.task = task
    return Wanted(data, np.arange(n), np.arange(n), {})


def test_what_is_no_answer_is_refused_with_what_to_do(said, tmp_path):
    p, _, ids, wanted = said
    odd = p.copy()
    odd[7, 1] = np.nan
    table = pd.DataFrame(p, columns=NAMES).assign(id=ids)
    for form, words in (
        (p[:-1], "299 lines and no ids"),
        (p[:, :2], "2 numbers per sample"),
        (odd, "NaN or infinity"),
        (table.iloc[9:], f"says nothing of {ids[5]} (4 of 295"),
        (table.assign(id=range(len(table))), "says nothing of"),
        (pd.concat([table, table]), "more than once"),
        (table[["id"]].assign(note="good"), "None of them holds"),
        (pd.DataFrame({"id": ids, "probabilities": list(2 * p)}), "calls itself probabilities"),
    ):
        with pytest.raises(UserError) as refused:
            returned.outputs(form, wanted, "predictions.csv")
        assert words in str(refused.value)
        assert refused.value.do
    for name in ("predictions.parquet", "predictions.npy"):
        (tmp_path / name).write_bytes(b"nonsense")
        with pytest.raises(UserError, match=name):
            returned.predictions(tmp_path / name, wanted)


def test_a_script_that_leaves_nothing_is_told_what_to_leave(project):
    write("(out / 'notes.txt').write_text('done')")
    with pytest.raises(UserError, match=r"left notes.txt") as refused:
        project.retrain(config())
    assert "predictions.parquet" in refused.value.do


def test_weights_of_the_projects_network_become_runs(project):
    shutil.copytree(project.run.folder / "checkpoints", "weights")
    (name,) = os.listdir("weights")
    write(f"import shutil; shutil.copy('weights/{name}', out / 'model.safetensors')", first=TRAIN)
    found = project.retrain(config())
    runs = {run.id: run for run in project.runs()}
    assert {runs[each].config["source"] for each in (*found.before_runs, *found.after_runs)} == {"loaded"}
    assert {runs[each].version for each in found.after_runs} == {project.labels.version}
    assert found.main.difference.estimate == 0  # the same weights every time
    project.use_run(found.after_runs[0])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("python train.py --out {out} --seed {seed}", "{data}"),
        ("python train.py --data {data} --out {out}", "{seed}"),
        ("python train.py --data {data} --seed {seed}", "{out}"),
        ("python train.py --data {data} --out {out} --seed {seeds}", "{seeds}"),
        ("python 'train.py --data {data} --out {out} --seed {seed}", "quot"),
    ],
)
def test_a_command_that_could_not_be_a_proof_is_refused(project, command, said):
    write()
    with pytest.raises(UserError) as refused:
        project.retrain(config(command=command))
    assert said in str(refused.value)


def test_a_program_that_is_not_there_is_said(project):
    with pytest.raises(UserError, match="no-such-program"):
        project.retrain(config(command="no-such-program {data} {out} {seed}"))


def test_a_cancelled_script_ends_with_all_it_started(project, tmp_path):
    child = "import subprocess, time; inner = subprocess.Popen(['sleep', '60'])"
    write(f"{child}\nopen(r'{tmp_path}/pids', 'w').write(str(inner.pid)); time.sleep(60)")

    def listen(done, total, message):
        if (tmp_path / "pids").exists():
            raise Cancelled

    with pytest.raises(Cancelled):
        project.retrain(config(), Progress(listen, 0))
    inner = int((tmp_path / "pids").read_text())
    assert _gone(inner)


def _gone(pid, within_s=5.0):
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        if Path(f"/proc/{pid}/stat").exists() and Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return True
        time.sleep(0.05)
    return False


def _wait(path, within_s=60.0):
    until = time.monotonic() + within_s
    while not path.exists():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_job_that_is_killed_takes_its_script_with_it(project, tmp_path):
    write(f"import os, time; open(r'{tmp_path}/pid', 'w').write(str(os.getpid())); print('at it'); time.sleep(120)")
    found = CliRunner().invoke(cli, ["retrain", "-p", str(project.folder), "--command", COMMAND, "--job"])
    assert found.exit_code == 0, found.output
    (job,) = project.jobs()
    _wait(tmp_path / "pid")
    pid = int((tmp_path / "pid").read_text())
    while "at it" not in project.job(job.id).log_path.read_text():
        time.sleep(0.1)
    os.kill(project.job(job.id).pid, 9)  # as the system does that is out of memory
    assert _gone(pid)


def test_a_function_trains(project):
    from torch import nn

    asked = []

    def fit(data, seed):
        x, y = data.arrays("train")
        asked.append((data.version, seed, len(x), len(data.labels)))
        table = pd.read_csv(data.path)
        assert len(table) == data.labels["active"].sum()
        centres = np.stack([x[y == label].mean(0) for label in range(3)])
        return -((data.arrays("test")[0][:, None] - centres) ** 2).sum(2) + 1e-3 * seed

    found = project.retrain(RetrainConfig(bootstrap=200, device="cpu"), fit=fit)
    assert found.outcome == "better"
    assert "trained by your own function" in found.verdict
    assert [seed for _, seed, _, _ in asked] == [0, 1, 2, 0, 1, 2]
    assert [n for _, _, n, _ in asked] == [180] * 3 + [170] * 3
    again = project.retrain(RetrainConfig(bootstrap=200, device="cpu"), fit=fit)
    assert (len(asked), again.id != found.id) == (12, True)

    def network(data, seed):
        return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))

    assert project.retrain(RetrainConfig(bootstrap=50, device="cpu"), fit=network).n_test == 300


def test_no_model_in_use_is_needed(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = Project.open(made)
    project = Project.create(tmp_path / "bare", source.data_config, ModelConfig(name="logistic"))
    project.drop([0, 1, 2])
    write()
    found = project.retrain(config())
    assert found.prediction == {}
    assert project.runs() == []
    assert found.acted()["predicted"].isna().all()
    from attribution.views import comparison

    assert comparison.figures(found)
    assert "predicted" not in found.figures


def test_numbers_are_judged_in_their_unit(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    table = pd.DataFrame({"x": x, "price": 50 + 10 * x + rng.normal(size=300), "split": ["train", "test"] * 150})
    table.loc[table.index[::10], "price"] += 80
    table.to_csv("prices.csv", index=False)
    data = DataConfig(path="prices.csv", label="price", split="split", task="regression", unit="EUR", val_fraction=0.0)
    project = Project.create(tmp_path / "prices", data)
    wrong = [row for row in project.dataset.rows("train") if project.labels.values[row] > 100]
    project.drop(wrong)
    Path("fit.py").write_text(
        "import sys, numpy as np, pandas as pd\n"
        "table = pd.read_csv(sys.argv[1])\n"
        "train, test = table[table.split == 'train'], table[table.split == 'test']\n"
        "slope = np.polyfit(train.x, train.price, 1)\n"
        "np.save(sys.argv[2] + '/predictions.npy', np.polyval(slope, test.x) + int(sys.argv[3]) * 1e-3)\n"
    )
    found = project.retrain(config(command=f"{sys.executable} fit.py {{data}} {{out}} {{seed}}"))
    assert found.outcome == "better"
    test = table[table["split"] == "test"]
    train = table[(table["split"] == "train") & (table["price"] <= 100)]
    expected = np.polyval(np.polyfit(train["x"], train["price"], 1), test["x"]) - test["price"]
    assert found.changes["rmse"].after[0] == pytest.approx(np.sqrt((expected**2).mean()), rel=1e-4)


def test_a_command_of_a_stored_project_does_not_run_unasked(project, tmp_path):
    """What is in a project's folder, be it a job to resume, is nobody's word."""
    write(f"open(r'{tmp_path}/ran', 'w').write('x')\n{LEAVE}")
    stored = json.loads(json.dumps({"command": COMMAND, "workdir": str(tmp_path), "bootstrap": 50, "device": "cpu"}))
    with pytest.raises(UserError, match="not one that you trust"):
        project.studies.retrain.run(RetrainConfig(**stored))
    with pytest.raises(UserError, match="not one that you trust"):
        project.step("retrain")(RetrainConfig(**stored))
    assert not (tmp_path / "ran").exists()
    project.retrain(config())
    assert (tmp_path / "ran").exists()
    (tmp_path / "ran").unlink()
    shutil.rmtree(project.folder / "scripts")
    shutil.rmtree(project.folder / "retrains")
    write(f"open(r'{tmp_path}/ran', 'w').write('x')\n{LEAVE}\n# changed since")
    with pytest.raises(UserError, match="What changed"):
        project.studies.retrain.run(RetrainConfig(**stored))
    assert not (tmp_path / "ran").exists()


def test_trust_is_of_the_command_the_folder_and_every_file_it_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("helper.py").write_text("y = 1\n")
    Path("train.py").write_text("import helper\n")
    Path("conf.yaml").write_text("lr: 1\n")
    from attribution.trust.commands import say_yes_to

    command = "python train.py --conf conf.yaml {data} {out} {seed}"
    say_yes_to(look_command(command, tmp_path))
    assert look_command(command, tmp_path).trusted
    assert not look_command(command + " --more", tmp_path).trusted
    assert not look_command(command, tmp_path.parent).trusted
    for file in ("helper.py", "conf.yaml"):
        text = Path(file).read_text()
        Path(file).write_text(text + "# more\n")
        assert not look_command(command, tmp_path).trusted
        Path(file).write_text(text)
    assert look_command(command, tmp_path).trusted
    assert str(tmp_path) not in str(look_command(command, tmp_path).key)
    assert store.place().exists()


def test_the_report_says_whose_training_it_was(project, tmp_path):
    write()
    project.retrain(config())
    text = project.report(tmp_path / "report.html").read_text()
    assert "Your own script trained models before and after" in text
    assert "--command" in text
    assert "train.py" in text


def test_pictures_are_handed_out_as_a_folder_and_named_by_their_places(tmp_path, monkeypatch):
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    chance = np.random.default_rng(0)
    for split, count in (("train", 8), ("test", 5)):
        for place, name in enumerate(("cat", "dog")):
            folder = Path("pictures", split, name)
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = chance.integers(0, 100, (6, 6, 3)) + place * 120
                Image.fromarray(pixels.astype("uint8")).save(folder / f"{number}.png")
    project = Project.create(tmp_path / "pets", DataConfig(path="pictures"), ModelConfig("cnn"))
    project.relabel([0], "dog")
    project.drop([1])
    moved = project.dataset.rows("test")[0]
    project.relabel([moved], "dog")
    Path("say.py").write_text(
        "import sys, pandas as pd\nfrom pathlib import Path\n"
        "files = sorted(str(file.relative_to(sys.argv[1])) for file in Path(sys.argv[1]).rglob('*.png'))\n"
        "open('counts', 'a').write(f'{len(files)} ')\n"
        "test = [file for file in files if file.startswith('test')]\n"
        "p = [.1 if '/dog/' in file else .9 for file in test]\n"
        "table = pd.DataFrame({'file': test, 'cat': p}).assign(dog=lambda each: 1 - each['cat'])\n"
        "table.to_csv(sys.argv[2] + '/predictions.csv', index=False)\n"
    )
    found = project.retrain(config(command=f"{sys.executable} say.py {{data}} {{out}} {{seed}}"))
    assert Path("counts").read_text().split() == ["26"] * 3 + ["25"] * 3
    assert found.changes["accuracy"].after == (1.0, 1.0, 1.0)
    assert found.changes["accuracy"].before == pytest.approx((0.9, 0.9, 0.9))  # the moved one lay with the cats
