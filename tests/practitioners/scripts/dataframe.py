"""A DataFrame and an nn.Module, in a notebook

Project.create("shoes", data=frame, label="kind", id="id", model=net)
"""

import pandas as pd
import torch
from net import build

from attribution import Project, ScoreConfig

shoes, net = pd.read_csv("shoes.csv"), build()
net.load_state_dict(torch.load("shoes.pth", weights_only=True))

project = Project.create("shoes", data=shoes, label="kind", id="id", model=net)
scores = project.score(ScoreConfig(queries="test"))


def loss(name: str) -> torch.Tensor:
    _, *x, kind = shoes[shoes.id == name].iloc[0]
    return torch.nn.functional.cross_entropy(net(torch.tensor([x]).float()), torch.tensor(["bcp".index(kind[0])]))
