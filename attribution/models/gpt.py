"""A small transformer that is trained from nothing on the project's own words."""

import math

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from attribution.datasets.chat.conversation import Conversation
from attribution.datasets.chat.encode import END, encoded
from attribution.datasets.dataset import DatasetInfo
from attribution.models.language import LanguageModel
from attribution.models.zoo import register

LAYERS = 2
HEADS = 4


@register("gpt", "chat")
def gpt(info: "DatasetInfo", width: int) -> nn.Module:
    """A transformer of two layers (``width`` = 64), before each block normalised; every word has a vector going in and
    one coming out."""
    return Gpt(info.preprocessing["vocabulary"], int(info.shape[-1]), width or 64)


class Gpt(LanguageModel):
    """Learned positions, causal attention, and a head of its own."""

    def __init__(self, vocabulary: list[str], length: int, width: int) -> None:
        super().__init__()
        self.vocabulary = list(vocabulary)
        self.length = length
        self.embedding = nn.Embedding(len(vocabulary), width)
        self.position = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(LAYERS))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(vocabulary), bias=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                last = name.endswith(("out.weight", "down.weight"))
                nn.init.normal_(weight, std=0.02 / math.sqrt(2 * LAYERS) if last else 0.02)

    def hidden(self, ids: Tensor, there: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1], device=ids.device).clamp_max(self.length - 1).expand(ids.shape)
        state = self.embedding(ids) + self.position(places)
        for block in self.blocks:
            state = block(state)
        return self.norm(state)

    def logits(self, hidden: Tensor) -> Tensor:
        return self.head(hidden)

    def generate(self, prompts: list[Conversation], max_new_tokens: int = 32, seed: int = 0) -> list[str]:
        """The likeliest answer to each prompt, as words; ``seed`` is not used: nothing is drawn."""
        device = self.head.weight.device
        found: list[str] = []
        for prompt in prompts:
            row = torch.from_numpy(encoded(prompt.answered(""), self.vocabulary, self.length)).long()
            row = row[:, : int((row[1] >= 0).sum()) - 1]  # without the end of the empty answer
            tokens = self.next_tokens(row[None].to(device), max_new_tokens, END)[0]
            found.append(" ".join(self.vocabulary[token] for token in tokens))
        return found


class Block(nn.Module):
    """Attention and a hidden layer, each on the normalised state and added to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = HEADS if width % HEADS == 0 else 1
        self.before_attention = nn.LayerNorm(width)
        self.mixed = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.before_hidden = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, state: Tensor) -> Tensor:
        state = state + self.out(self.attended(self.mixed(self.before_attention(state))))
        return state + self.down(nn.functional.gelu(self.up(self.before_hidden(state))))

    def attended(self, mixed: Tensor) -> Tensor:
        """Every position's mean of the values up to it, by query and key ``(b, t, d)``."""
        b, t, wide = mixed.shape
        parts = mixed.reshape(b, t, 3, self.heads, wide // 3 // self.heads).permute(2, 0, 3, 1, 4)  # (3, b, h, t, d)
        with sdpa_kernel(SDPBackend.MATH):  # the one that can be asked at many weights at once
            found = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], is_causal=True)
        return found.transpose(1, 2).reshape(b, t, wide // 3)
