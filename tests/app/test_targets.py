"""Every page with numbers, with sets of labels and with one logit for two classes: it opens, and speaks of what is
there."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from shown import PAGES, PLUMBING, everything

from attribution import Project
from attribution.settings.configs import DataConfig, ModelConfig, ScoreConfig, TrainConfig
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.leaks.study import LeakConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.mislabels.study import FlagConfig
from attribution.studies.retrain.study import RetrainConfig

TASKS = ("regression", "multilabel", "binary")
CLASSES = re.compile(r"\bclass(es)?\b|\baccura|\bconfiden|\blabel", re.IGNORECASE)


def table(folder: Path, task: str, n: int = 240) -> Path:
    """A table of four numbers with its target, some of them wrong, and a copy of a training sample in the test set."""
    chance = np.random.default_rng(0)
    x = chance.normal(size=(n, 4)).round(4)
    if task == "regression":
        value = 20 + 5 * x[:, 0] - 3 * x[:, 1] + chance.normal(size=n)
        value[:8] += 15
        target = [f"{one:.2f}" for one in value]
    elif task == "multilabel":
        inside = x[:, :3] + 0.3 * chance.normal(size=(n, 3)) > 0
        target = [";".join(np.array(["cat", "dog", "bird"])[row]) or "(none)" for row in inside]
    else:
        target = np.where(x[:, 0] + 0.3 * chance.normal(size=n) > 0, "yes", "no").tolist()
    frame = pd.DataFrame(x, columns=list("abcd")).assign(answer=target)
    frame["split"] = np.repeat(["train", "val", "test"], [n * 6 // 10, n // 10, n - n * 7 // 10])
    frame.iloc[-1, :5] = frame.iloc[0, :5]
    path = folder / f"{task}.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """Folders of finished projects by task: trained, searched, mapped, scored, measured, retrained."""
    home = tmp_path_factory.mktemp("tasks")
    found = {}
    for task in TASKS:
        path = table(home, task)
        data = DataConfig(path=str(path), label="answer", split="split", task=task, unit="mm" * (task == "regression"))
        recipe = TrainConfig(epochs=6, batch_size=16, lr=0.05, checkpoints=2, device="cpu")
        project = Project.create(home / task, data, ModelConfig(name="mlp", width=16), recipe)
        project.train()
        project.flag(FlagConfig(folds=3, cases=20, device="cpu"))
        project.find_leaks(LeakConfig())
        project.embed(MapConfig(method="pca", device="cpu"))
        project.score(ScoreConfig(estimator="ip", queries="test", device="cpu"))
        query = str(project.dataset.ids[project.dataset.rows("test")[0]])
        project.angle(AnglesConfig(queries=query, device="cpu"))
        project.compare_splits()
        first = project.flags().entry(int(project.flags().order[0]))
        project.relabel([int(first["row"])], first["suggested"].item())
        project.drop([int(project.flags().order[1])])
        project.retrain(RetrainConfig(bootstrap=100, device="cpu"))
        project.preview()
        found[task] = project.folder
    return found


@pytest.fixture
def opened(finished, tmp_path, monkeypatch):
    """``opened(task)`` is a copy of a finished project in a home of its own."""
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))

    def copy(task: str) -> Project:
        shutil.copytree(finished[task], tmp_path / "home" / task)
        return Project.open(task)

    return copy


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("task", TASKS)
def test_a_page_opens_with_every_task(app, opened, page, task):
    opened(task)
    test = app(page, project=task)
    assert not test.error, [error.value for error in test.error]
    assert test.title


@pytest.mark.parametrize("page", [page for page in PAGES if page != "new_project"])
def test_no_page_of_numbers_speaks_of_classes(app, opened, page):
    opened("regression")
    test = app(page, project="regression")
    shown = re.sub(r"<script>.*?</script>", " ", "\n".join(everything(test.main)))
    lines = [line for line in shown.splitlines() if not line.startswith(("js_content", "html_content", "css_content"))]
    said = [line for line in lines if CLASSES.search(PLUMBING.sub(" ", line))]
    assert not said, said
