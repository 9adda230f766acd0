"""Every page of a project without held-out samples, and of one with two samples: no page ends in an error."""

from pathlib import Path

import pandas as pd
import pytest

from attribution import DataConfig, FlagConfig, MapConfig, ModelConfig, Project, ScoreConfig, TrainConfig
from attribution.studies.leaks.study import LeakConfig

PAGES = sorted(
    path.stem for path in (Path(__file__).resolve().parents[2] / "pages").glob("*.py") if path.stem != "__init__"
)


@pytest.fixture(scope="module", params=[40, 2])
def home(request, tmp_path_factory):
    """A finished project of this many samples, all of them for training."""
    folder = tmp_path_factory.mktemp("degenerate")
    n = request.param
    pd.DataFrame({"x": range(n), "label": ["a", "b"] * (n // 2)}).to_csv(folder / "t.csv", index=False)
    data = DataConfig(path=str(folder / "t.csv"), val_fraction=0.0, test_fraction=0.0)
    project = Project.create(folder / "home" / "small", data, ModelConfig("mlp"), TrainConfig(epochs=2, device="cpu"))
    project.train()
    project.flag(FlagConfig(device="cpu", folds=2))
    project.embed(MapConfig(method="pca", device="cpu"))
    project.find_leaks(LeakConfig(device="cpu"))
    project.score(ScoreConfig(queries="train", device="cpu"))
    return folder / "home"


@pytest.mark.parametrize("page", PAGES)
def test_no_page_ends_in_an_error(app, home, monkeypatch, page):
    monkeypatch.setenv("DATABLAME_HOME", str(home))
    app(page, project="small")
