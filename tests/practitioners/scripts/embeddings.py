"""Embeddings and labels, in an NPZ

datablame new mine --path embeddings.npz --model logistic
"""

import numpy as np
import torch
from safetensors.torch import load_file

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

project = Project.create("mine", DataConfig("embeddings.npz"), ModelConfig("logistic", inputs="raw"))
run = project.train()
scores = project.score(ScoreConfig(queries="test"))

arrays = np.load("embeddings.npz")
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))
net.load_state_dict(load_file(run.checkpoints[-1][0]))


def loss(name: str) -> torch.Tensor:
    row = int(name.removeprefix("row-"))
    x, y = torch.tensor(arrays["X"][row][None]), torch.tensor(arrays["y"][row][None])
    return torch.nn.functional.cross_entropy(net(x), y)
