"""Out-of-fold probabilities of any model (scikit-learn, XGBoost, an API)

datablame new shoes --path shoes.csv --label kind && datablame add-predictions probs.npy --folds && datablame flag
"""

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from attribution import Project

shoes = pd.read_csv("shoes.csv")
x, y = shoes[list("abcde")], shoes.kind
probs = cross_val_predict(LogisticRegression(), x, y, cv=5, method="predict_proba")

project = Project.create("shoes", shoes, label="kind", id="id")
project.add_predictions(probs, folds=True)
queue = project.flag().queue(10)
