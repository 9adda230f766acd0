"""A Hugging Face Dataset, and a model of transformers

Project.create("mails", data=dataset, text="body", label="topic", model="hf:bert")
"""

import datasets
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from attribution import Project, ScoreConfig

mails = datasets.load_dataset("csv", data_files="mails.csv", split="train")
project = Project.create("mails", data=mails, text="body", label="topic", id="id", model="hf:bert")
project.train()
scores = project.score(ScoreConfig(queries="test"))

tokenizer, rows = AutoTokenizer.from_pretrained("bert"), {one["id"]: one for one in mails}
net = AutoModelForSequenceClassification.from_pretrained("bert").eval()


def loss(name: str) -> torch.Tensor:
    labels = torch.tensor([net.config.label2id[rows[name]["topic"]]])
    return net(**tokenizer(rows[name]["body"], return_tensors="pt"), labels=labels).loss
