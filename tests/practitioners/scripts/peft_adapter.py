"""A peft adapter (LoRA) on its base

datablame new mails --path mails.csv --text body --label topic --model hf:adapter
"""

import pandas as pd
import peft
import torch
from transformers import AutoTokenizer

from attribution import Project, ScoreConfig

project = Project.create("mails", "mails.csv", "hf:adapter", text="body", label="topic", id="id")
project.train()
scores = project.score(ScoreConfig(queries="test"))

mails, tokenizer = pd.read_csv("mails.csv", index_col="id"), AutoTokenizer.from_pretrained("bert")
net = peft.AutoPeftModelForSequenceClassification.from_pretrained("adapter", is_trainable=True, num_labels=3).eval()


def loss(name: str) -> torch.Tensor:
    labels = torch.tensor([net.config.label2id[mails.topic[name]]])
    return net(**tokenizer(mails.body[name], return_tensors="pt"), labels=labels).loss
