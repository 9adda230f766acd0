"""What jobs are called."""

from attribution.settings.configs import ScoreConfig
from attribution.studies import named
from attribution.studies.damping.study import DampingConfig
from attribution.studies.fairness.study import RemedyConfig
from attribution.studies.map.study import MapConfig


def test_jobs_are_called_by_the_words_of_the_pages():
    words = named("score").called(ScoreConfig(estimator="ekfac", queries="wrong"))
    assert words == "Explain the wrong test predictions (Influence function (EK-FAC))"
    words = named("damping").called(DampingConfig(estimator="nystroem"))
    assert words.startswith("Sweep the damping of Influence function")
    words = named("map").called(MapConfig(space="gradients", method="pca"))
    assert words == "Draw the map (how samples pull on the model, PCA)"
    assert named("remedy").called(RemedyConfig()) == "Find what harms equal opportunity, and try without"
