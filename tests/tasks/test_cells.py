"""The bundled sample with a number to predict: its planted wrong values are found."""

from pathlib import Path

import pandas as pd

from attribution import FlagConfig, Project
from attribution.statistics.ranking import auroc

TRUTH = Path(__file__).parents[2] / "sample_data" / "cells" / "truth.csv"


def test_the_planted_wrong_values_are_found(tmp_path):
    project = Project.sample("cells", tmp_path / "cells")
    project.train()
    truth = pd.read_csv(TRUTH, keep_default_na=False).set_index("id")
    found = project.flag(FlagConfig(detectors=("residual", "aum", "self-influence"), cases=0)).detectors
    wrong = (truth["kind"] != "").loc[project.dataset.ids[found["row"]]].to_numpy()
    assert wrong.sum() == 40
    assert auroc(found["residual"].to_numpy(), wrong) > 0.97
    assert auroc(found["self-influence"].to_numpy(), wrong) > 0.9
