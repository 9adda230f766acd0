"""What the users of ``scripts/`` have in their folders: small data, networks and weights, made here and nowhere read
from a network. ``FOLDERS[NAME]()`` writes those of one script into the working directory."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

FOLDERS: dict[str, Callable[[], None]] = {}
N = 90


def has(make: Callable[[], None]) -> Callable[[], None]:
    """Decorator that files the maker of what one script's user has under the script's name."""
    FOLDERS[make.__name__] = make
    return make


def clouds(d: int = 16, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, d) float32 around a centre for each class, and the classes (N,)."""
    chance = np.random.default_rng(seed)
    y = np.arange(N) % classes
    x = chance.normal(size=(classes, d))[y] + chance.normal(size=(N, d))
    return x.astype(np.float32), y


@has
def embeddings() -> None:
    x, y = clouds()
    np.savez("embeddings.npz", X=x, y=y)


NET = """from torch import nn


def build(outputs={outputs}):
    return nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, outputs))
"""


def table(name: str, targets: pd.DataFrame, outputs: int, loss: Callable[[torch.Tensor], torch.Tensor]) -> nn.Module:
    """``NAME.csv`` with five measurements and these columns, ``net.py`` with a network for them, and in ``NAME.pth``
    its weights, trained by ``loss`` of the outputs (N, outputs)."""
    x = clouds(5)[0]
    ids = pd.DataFrame({"id": [f"{name}-{row}" for row in range(N)]})
    pd.concat([ids, pd.DataFrame(x, columns=list("abcde")), targets], axis=1).to_csv(f"{name}.csv", index=False)
    Path("net.py").write_text(NET.format(outputs=outputs), encoding="utf-8")
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(5, 12), nn.Tanh(), nn.Linear(12, outputs))
    torch.save(trained(net, torch.from_numpy(x), loss).state_dict(), f"{name}.pth")
    return net


def trained(
    net: nn.Module, x: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor], steps: int = 60
) -> nn.Module:
    """The network after so many steps over all samples at once."""
    optimizer = torch.optim.Adam(net.parameters(), 0.03)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(net(x)).backward()
        optimizer.step()
    return net.eval()


@has
def regression() -> None:
    x = clouds(5)[0]
    price = torch.from_numpy((2 + x[:, :1] - x[:, 1:2]).round(2))
    table("houses", pd.DataFrame({"price": price[:, 0]}), 1, lambda out: functional.mse_loss(out, price))


@has
def binary() -> None:
    spam = torch.from_numpy(clouds(5, classes=2)[1]).float()
    words = pd.DataFrame({"spam": ["yes" if one else "no" for one in spam]})
    table("mails", words, 1, lambda out: functional.binary_cross_entropy_with_logits(out[:, 0], spam))


@has
def multilabel() -> None:
    x = clouds(5)[0]
    has_tag = torch.from_numpy((x[:, :3] > 0).astype(np.float32))
    tags = [
        ";".join(tag for tag, on in zip(("cat", "dog", "owl"), row, strict=True) if on) or "(none)" for row in has_tag
    ]
    table(
        "photos", pd.DataFrame({"tags": tags}), 3, lambda out: functional.binary_cross_entropy_with_logits(out, has_tag)
    )


@has
def class_weights() -> None:
    y = torch.from_numpy(clouds(5)[1])
    loss = nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 0.5]), label_smoothing=0.1)
    table("shoes", pd.DataFrame({"kind": [("boot", "clog", "pump")[one] for one in y]}), 3, lambda out: loss(out, y))


@has
def lightning_ckpt() -> None:
    y = torch.from_numpy(clouds(5)[1])
    kinds = pd.DataFrame({"kind": [("boot", "clog", "pump")[one] for one in y]})
    net = table("shoes", kinds, 3, lambda out: functional.cross_entropy(out, y))
    lightning_fit(net, TensorDataset(torch.from_numpy(clouds(5)[0]), y))


def lightning_fit(net: nn.Module, data: TensorDataset) -> None:
    """``shoes.ckpt``: the same network as Lightning's Trainer saves it, with a criterion that has a weight."""
    import lightning

    class Shoes(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.criterion = net, nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 0.5]))

        def training_step(self, batch: list[torch.Tensor], at: int) -> torch.Tensor:
            return self.criterion(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), 1e-3)

    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = lightning.Trainer(max_epochs=1, accelerator="cpu", **quiet)
    trainer.fit(Shoes(), DataLoader(data, batch_size=30))
    trainer.save_checkpoint("shoes.ckpt")


@has
def few_texts() -> None:
    topics = {
        "cooking": "bake the {} and add some salt",
        "football": "the team with the {} won the match",
        "law": "the court heard the {} today",
    }
    things = [
        f"{colour} {thing}" for colour in ("old", "green", "small") for thing in ("bread", "shirt", "man", "door")
    ]
    lines = [(said.format(one), topic) for one in things for topic, said in topics.items()]
    table = pd.DataFrame({"id": [f"m{at}" for at in range(len(lines))], "body": [one for one, _ in lines]})
    table.assign(topic=[topic for _, topic in lines]).to_csv("mails.csv", index=False)


@has
def few_pictures() -> None:
    pictures("shapes", 40)


def pictures(folder: str, side: int, width: int = 0) -> None:
    """``FOLDER/disc`` and ``FOLDER/square``: 24 coloured shapes each on a noisy ground, PNG of ``width`` x ``side``."""
    chance = np.random.default_rng(0)
    for kind in ("disc", "square"):
        (Path(folder) / kind).mkdir(parents=True)
        for number in range(24):
            picture = Image.fromarray(chance.integers(0, 90, (side, width or side, 3), dtype=np.uint8))
            left, top, size = (int(one) for one in chance.integers(1, side // 2, 3))
            draw = ImageDraw.Draw(picture).ellipse if kind == "disc" else ImageDraw.Draw(picture).rectangle
            draw((left, top, left + size, top + size), fill=tuple(int(one) for one in chance.integers(150, 256, 3)))
            picture.save(f"{folder}/{kind}/{number:02d}.png")
