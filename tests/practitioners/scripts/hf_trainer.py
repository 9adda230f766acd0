"""The folder of a Hugging Face Trainer, with its checkpoint-N

datablame new mails --path mails.csv --text body --label topic --model hf:bert --checkpoints run/
"""

import pandas as pd
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from attribution import ModelConfig, Project, ScoreConfig

model = ModelConfig("hf:bert", checkpoints=("run",))
project = Project.create("mails", "mails.csv", model, text="body", label="topic", id="id")
project.train()
scores = project.score(ScoreConfig(queries="test"))

mails, tokenizer = pd.read_csv("mails.csv", index_col="id"), AutoTokenizer.from_pretrained("bert")
net = AutoModelForSequenceClassification.from_pretrained("run/checkpoint-6").eval()


def loss(name: str) -> torch.Tensor:
    labels = torch.tensor([net.config.label2id[mails.topic[name]]])
    return net(**tokenizer(mails.body[name], return_tensors="pt"), labels=labels).loss
