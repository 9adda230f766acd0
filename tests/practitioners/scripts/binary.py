"""A classifier with one logit

datablame new mails --path mails.csv --label spam --task binary --model net.py:build --checkpoints mails.pth
"""

import pandas as pd
import torch
from net import build

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

model = ModelConfig("net.py:build", checkpoints=("mails.pth",))
project = Project.create("mails", DataConfig("mails.csv", id="id", label="spam", task="binary"), model, trust_code=True)
project.train()
scores = project.score(ScoreConfig(queries="test"))

mails, net = pd.read_csv("mails.csv", index_col="id"), build()
net.load_state_dict(torch.load("mails.pth", weights_only=True))


def loss(name: str) -> torch.Tensor:
    *x, spam = mails.loc[name]
    target = torch.tensor([[float(spam == "yes")]])
    return torch.nn.functional.binary_cross_entropy_with_logits(net(torch.tensor([x]).float()), target)
