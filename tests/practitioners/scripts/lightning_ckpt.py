"""A Lightning module's .ckpt

datablame new shoes --path shoes.csv --label kind --model net.py:build --trust-code --checkpoints shoes.ckpt
"""

import pandas as pd
import torch
from net import build

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

model = ModelConfig("net.py:build", checkpoints=("shoes.ckpt",))
project = Project.create("shoes", DataConfig("shoes.csv", id="id", label="kind"), model, trust_code=True)
project.train()
scores = project.score(ScoreConfig(queries="test"))

shoes, net = pd.read_csv("shoes.csv", index_col="id"), build()
weights = torch.load("shoes.ckpt", weights_only=True)["state_dict"]
net.load_state_dict({key.removeprefix("model."): value for key, value in weights.items() if "criterion" not in key})


def loss(name: str) -> torch.Tensor:
    *x, kind = shoes.loc[name]
    return torch.nn.functional.cross_entropy(
        net(torch.tensor([x]).float()), torch.tensor([list(project.classes).index(kind)])
    )
