"""A task of the user's own, as docs/tasks.md shows it: made, trained, edited, and refused once its file is another."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.errors import UserError

DOCS = Path(__file__).parents[2] / "docs" / "tasks.md"


@pytest.fixture
def made(tmp_path):
    """A project of the quantile task in the docs, on waits of exponential length, and the task's file."""
    code, *_ = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    file = tmp_path / "quantile.py"
    file.write_text(code)
    rng = np.random.default_rng(0)
    hour = rng.uniform(0, 1, 400)
    frame = pd.DataFrame({"hour": hour, "minutes": np.round(rng.exponential(10 + 20 * hour), 3)})
    frame.to_csv(tmp_path / "waits.csv", index=False)
    data = DataConfig(
        path=str(tmp_path / "waits.csv"),
        label="minutes",
        unit="min",
        task=f"{file}:Quantile",
        task_options=("quantile=0.8",),
    )
    recipe = TrainConfig(epochs=30, lr=0.05, checkpoints=1)
    return Project.create(tmp_path / "waits", data, ModelConfig("logistic"), recipe, trust_code=True), file


def test_the_task_of_the_docs_is_trained_scored_and_edited(made):
    project, _ = made
    assert project.dataset.task.settings.quantile == 0.8
    run = project.train()
    last = run.metrics().query("split == 'train'").iloc[-1]
    assert last["below"] == pytest.approx(0.8, abs=0.05)
    assert last["loss"] < project.dataset.task.chance(project.dataset.labels)
    said = project.predictions()
    values = project.labels.values
    short = np.where(values > said["prediction"], 0.8, -0.2) * (values - said["prediction"])
    np.testing.assert_allclose(said["loss"], short / project.info.task["std"], rtol=1e-4, atol=1e-6)
    project.relabel([0], 99.5)
    assert project.sample_state(0).label == 99.5
    assert project.train().id != run.id


def test_another_version_of_the_file_is_refused_and_so_is_an_untrusted_one(made):
    project, file = made
    file.write_text(file.read_text().replace("0.9", "0.95"))
    again = Project.open(project.folder)
    with pytest.raises(UserError, match="is not what you trusted"):
        again.train()
    again.trust_code()
    with pytest.raises(UserError, match="has changed since the project was made"):
        again.train()


def test_the_settings_are_part_of_the_datas_version_and_the_place_of_the_file_is_not(made, tmp_path):
    project, file = made
    other = tmp_path / "elsewhere" / "quantile.py"
    other.parent.mkdir()
    other.write_text(file.read_text())
    config = project.data_config
    hashes = {}
    for name, changes in {
        "moved": {"task": f"{other}:Quantile"},
        "other": {"task_options": ("quantile=0.7",)},
    }.items():
        values = {**vars(config), **changes}
        made_so = Project.create(tmp_path / name, DataConfig(**values), ModelConfig("logistic"), trust_code=True)
        hashes[name] = made_so.info.base_hash
    assert hashes["moved"] == project.info.base_hash
    assert hashes["other"] != project.info.base_hash


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("class Quantile: pass", "has no task 'Quantile'"),
        (
            "from attribution.tasks.base import Task\nclass Quantile(Task): kind = 'number'",
            "says no chance, figures, loss",
        ),
        ("raise OSError('no such table')", "failed with OSError: no such table"),
    ],
)
def test_a_file_without_a_usable_task_is_refused_in_words(tmp_path, code, said):
    (tmp_path / "own.py").write_text(code)
    pd.DataFrame({"a": [1.0, 2, 3], "y": [1, 2, 4]}).to_csv(tmp_path / "t.csv", index=False)
    data = DataConfig(path=str(tmp_path / "t.csv"), label="y", task=f"{tmp_path / 'own.py'}:Quantile")
    with pytest.raises(UserError, match=said):
        Project.create(tmp_path / "p", data, trust_code=True)
    assert not (tmp_path / "p").exists()


def test_an_error_in_the_loss_names_file_and_line(made, tmp_path):
    project, file = made
    broken = tmp_path / "broken.py"
    broken.write_text(file.read_text().replace("share = self.settings.quantile", "share = self.settings.quantil"))
    (line,) = [n for n, text in enumerate(broken.read_text().splitlines(), 1) if text.endswith(".quantil")]
    data = DataConfig(**{**vars(project.data_config), "task": f"{broken}:Quantile"})
    with pytest.raises(UserError, match=rf"broken\.py, line {line}, in loss: AttributeError"):
        Project.create(tmp_path / "no", data, ModelConfig("logistic"), trust_code=True)
