"""What jobs are called."""

from attribution.project.steps import title
from attribution.settings.configs import DampingConfig, MapConfig, ScoreConfig


def test_jobs_are_called_by_the_words_of_the_pages():
    assert title("score", ScoreConfig(estimator="ekfac", queries="wrong")).endswith("(Influence function (EK-FAC))")
    assert title("damping", DampingConfig(estimator="nystroem")).startswith("Sweep the damping of Influence function")
    assert (
        title("map", MapConfig(space="gradients", method="pca")) == "Draw the map (how samples pull on the model, PCA)"
    )
