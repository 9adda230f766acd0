"""A causal language model and chats

datablame new chat chat.jsonl --model hf:gpt
"""

import pandas as pd
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from attribution import ModelConfig, Project, ScoreConfig

project = Project.create("chat", "chat.jsonl", ModelConfig("hf:gpt", arguments=("last=1",)), id="id")
trained = load_file(project.train().checkpoints[-1][0])
scores = project.score(ScoreConfig(queries="test"))

chats = pd.read_json("chat.jsonl", lines=True, dtype=False).set_index("id").messages
net, tokenizer = AutoModelForCausalLM.from_pretrained("gpt").eval(), AutoTokenizer.from_pretrained("gpt")
net.load_state_dict({name.removeprefix("network."): value for name, value in trained.items()}, strict=False)
net.requires_grad_(False).transformer.h[-1].requires_grad_(True)


def loss(name: str) -> torch.Tensor:
    ids = tokenizer.apply_chat_template(chats[name], return_tensors="pt")["input_ids"]
    read = tokenizer.apply_chat_template(chats[name][:-1], add_generation_prompt=True)["input_ids"]
    return net(ids, labels=torch.where(torch.arange(ids.shape[1]) < len(read), -100, ids)).loss
