"""Several labels for each sample

datablame new photos --path photos.csv --label tags --task multilabel --model net.py:build --checkpoints photos.pth
"""

import pandas as pd
import torch
from net import build

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

data = DataConfig("photos.csv", id="id", label="tags", task="multilabel")
model = ModelConfig("net.py:build", checkpoints=("photos.pth",))
project = Project.create("photos", data, model, trust_code=True)
project.train()
scores = project.score(ScoreConfig(queries="test"))

photos, net = pd.read_csv("photos.csv", index_col="id"), build()
net.load_state_dict(torch.load("photos.pth", weights_only=True))


def loss(name: str) -> torch.Tensor:
    *x, tags = photos.loc[name]
    target = torch.tensor([[float(tag in tags.split(";")) for tag in ("cat", "dog", "owl")]])
    return torch.nn.functional.binary_cross_entropy_with_logits(net(torch.tensor([x]).float()), target, reduction="sum")
