"""Gradient boosting (XGBoost, LightGBM, HistGradientBoosting)

project.add_sklearn(model); project.flag()  # by what it says; influence through its neighbours, without gradients
"""

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from attribution import Project, ScoreConfig

shoes = pd.read_csv("shoes.csv")
model = HistGradientBoostingClassifier().fit(shoes[list("abcde")], shoes.kind)
project = Project.create("shoes", shoes, label="kind", id="id")
project.add_sklearn(model)
project.score(ScoreConfig(queries="test"))
