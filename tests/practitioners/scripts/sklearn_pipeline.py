"""A fitted scikit-learn pipeline

project.add_sklearn(pipeline)
"""

import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from attribution import Project, ScoreConfig

shoes = pd.read_csv("shoes.csv").set_index("id")
pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(shoes[list("abcde")], shoes.kind)

project = Project.create("shoes", data=shoes.reset_index(), label="kind", id="id")
project.add_sklearn(pipeline)
scores = project.score(ScoreConfig(queries="test"))

net = torch.nn.Linear(5, 3)
net.load_state_dict({"weight": torch.tensor(pipeline[-1].coef_), "bias": torch.tensor(pipeline[-1].intercept_)})


def loss(name: str) -> torch.Tensor:
    x = torch.tensor(pipeline[0].transform(shoes.loc[[name], list("abcde")])).float()
    return torch.nn.functional.cross_entropy(net(x), torch.tensor(["bcp".index(shoes.kind[name][0])]))
