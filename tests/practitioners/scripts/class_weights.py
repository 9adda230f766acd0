"""Class weights, label smoothing or the focal loss

datablame new shoes --path shoes.csv --label kind --task-options "class_weights=1 2 0.5,label_smoothing=0.1" ...
"""

import pandas as pd
import torch
from net import build

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

data = DataConfig("shoes.csv", id="id", label="kind", task_options=("class_weights=1 2 0.5", "label_smoothing=0.1"))
project = Project.create("shoes", data, ModelConfig("net.py:build", checkpoints=("shoes.pth",)), trust_code=True)
project.train()
scores = project.score(ScoreConfig(queries="test"))

shoes, net = pd.read_csv("shoes.csv", index_col="id"), build()
net.load_state_dict(torch.load("shoes.pth", weights_only=True))
criterion = torch.nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 0.5]), label_smoothing=0.1, reduction="none")


def loss(name: str) -> torch.Tensor:
    *x, kind = shoes.loc[name]
    return criterion(net(torch.tensor([x]).float()), torch.tensor([["boot", "clog", "pump"].index(kind)]))
