"""Labels of several annotators

datablame new shoes --path shoes.csv --annotators anna,ben,cleo && datablame annotators
"""

import pandas as pd
import torch
from net import build

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

data = DataConfig("shoes.csv", annotators=("anna", "ben", "cleo"), id="id")
project = Project.create("shoes", data, ModelConfig("net.py:build", checkpoints=("shoes.pth",)), trust_code=True)
project.train()
scores, agreement = project.score(ScoreConfig(queries="test")), project.annotators()

shoes, net = pd.read_csv("shoes.csv", index_col="id"), build()
net.load_state_dict(torch.load("shoes.pth", weights_only=True))


def loss(name: str) -> torch.Tensor:
    *x, anna, ben, cleo = shoes.loc[name]
    kind = max((anna, ben, cleo), key=(anna, ben, cleo).count)
    return torch.nn.functional.cross_entropy(net(torch.tensor([x]).float()), torch.tensor(["bcp".index(kind[0])]))
