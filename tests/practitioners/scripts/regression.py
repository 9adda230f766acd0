"""A network that predicts a number, and its weights

datablame new houses --path houses.csv --label price --task regression --model net.py:build --checkpoints houses.pth
"""

import pandas as pd
import torch
from net import build

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

data = DataConfig("houses.csv", id="id", label="price", task="regression", task_options=("standardise=false",))
project = Project.create("houses", data, ModelConfig("net.py:build", checkpoints=("houses.pth",)), trust_code=True)
project.train()
scores = project.score(ScoreConfig(queries="test"))

houses, net = pd.read_csv("houses.csv", index_col="id"), build()
net.load_state_dict(torch.load("houses.pth", weights_only=True))


def loss(name: str) -> torch.Tensor:
    row = torch.tensor(houses.loc[name].to_numpy(), dtype=torch.float32)
    return torch.nn.functional.mse_loss(net(row[None, :5]), row[None, 5:])
