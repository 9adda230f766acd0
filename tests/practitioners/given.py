"""What the users of ``scripts/`` have in their folders: small data, networks and weights, made here and nowhere read
from a network. ``FOLDERS[NAME]()`` writes those of one script into the working directory."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageDraw
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

FOLDERS: dict[str, Callable[[], None]] = {}
N = 90
WRONG = [7, 21, 33, 48, 62, 79]  # rows of a table whose labels are wrong, where a script looks for such


def has(make: Callable[[], None]) -> Callable[[], None]:
    """Decorator that files the maker of what one script's user has under the script's name."""
    FOLDERS[make.__name__] = make
    return make


def clouds(d: int = 16, classes: int = 3, apart: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, d) float32 around a centre for each class, and the classes (N,)."""
    chance = np.random.default_rng(0)
    y = np.arange(N) % classes
    x = apart * chance.normal(size=(classes, d))[y] + chance.normal(size=(N, d))
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


def fitted(net: nn.Module, head: nn.Linear, y: list[int], ask: Callable[[], Any]) -> None:
    """Give the last layer the weights of a logistic regression on what ``ask`` hands to it: a trained network in a
    second."""
    seen: list[torch.Tensor] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    net.eval()
    with torch.no_grad():
        ask()
    hook.remove()
    found = LogisticRegression(C=10, max_iter=500).fit(torch.cat(seen).numpy(), y)
    weight, bias = (torch.from_numpy(one).float() for one in (found.coef_, found.intercept_))
    if len(weight) == 1:
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    with torch.no_grad():
        head.weight.copy_(weight)
        head.bias.copy_(bias)


def shapes(net: nn.Module, head: nn.Linear, transform: Callable[[Image.Image], torch.Tensor], file: str) -> None:
    """``shapes/`` of 40 pixels, and the weights of a network that tells them apart, seen through its transform."""
    pictures("shapes", 40)
    files = sorted(Path("shapes").rglob("*.png"))
    x = torch.stack([transform(Image.open(one).convert("RGB")) for one in files])
    fitted(net, head, [int(one.parent.name == "square") for one in files], lambda: net(x))
    torch.save(net.state_dict(), file)


def resnet(transform: Callable[[Image.Image], torch.Tensor]) -> None:
    import torchvision

    torch.manual_seed(0)
    net = torchvision.models.resnet18(num_classes=2)
    shapes(net, net.fc, transform, "resnet18.pth")


@has
def torchvision_cnn() -> None:
    from torchvision import transforms

    steps = [transforms.Resize(40), transforms.CenterCrop(32), transforms.ToTensor()]
    resnet(transforms.Compose([*steps, transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))]))


@has
def torch_dataset() -> None:
    from torchvision.transforms import ToTensor

    resnet(ToTensor())


@has
def webdataset_tar() -> None:
    torch_dataset()
    with tarfile.open("shapes.tar", "w") as packed:
        for number, path in enumerate(sorted(Path("shapes").rglob("*.png"))):
            label = str(int(path.parent.name == "square")).encode()
            for name, content in ((f"{number:03d}.png", path.read_bytes()), (f"{number:03d}.cls", label)):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))


@has
def timm_vit() -> None:
    import timm

    torch.manual_seed(0)
    net = timm.create_model("vit_tiny_patch16_224", num_classes=2, img_size=32, depth=2).eval()
    config = timm.data.resolve_data_config({"img_size": 32}, model=net)
    shapes(net, net.head, timm.data.create_transform(**config), "vit.pth")


def bert() -> Any:
    """``mails.csv``, and ``bert/`` with a small classifier and its tokenizer."""
    import transformers

    few_texts()
    table = pd.read_csv("mails.csv")
    words = sorted({word for body in table.body for word in body.split()})
    Path("vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]), encoding="utf-8")
    tokenizer = transformers.BertTokenizer("vocab.txt", model_max_length=32)
    topics = sorted({*table.topic}, reverse=True)  # not the order of the alphabet
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
    config = transformers.BertConfig(
        vocab_size=len(words) + 5,
        **sizes,
        id2label=dict(enumerate(topics)),
        label2id={name: at for at, name in enumerate(topics)},
        initializer_range=0.2,
    )
    torch.manual_seed(0)
    net = transformers.BertForSequenceClassification(config)
    given = tokenizer(list(table.body), padding=True, return_tensors="pt")
    fitted(net, net.classifier, [topics.index(one) for one in table.topic], lambda: net(**given))
    net.save_pretrained("bert")
    tokenizer.save_pretrained("bert")
    return net, tokenizer, table


@has
def hf_folder() -> None:
    bert()


@has
def hf_dataset() -> None:
    bert()


@has
def hf_trainer() -> None:
    import transformers

    net, tokenizer, table = bert()
    rows = [
        {**tokenizer(body, padding="max_length"), "labels": net.config.label2id[topic]}
        for body, topic in zip(table.body, table.topic, strict=True)
    ]
    arguments = transformers.TrainingArguments(
        "run",
        num_train_epochs=2,
        per_device_train_batch_size=12,
        learning_rate=1e-3,
        save_strategy="epoch",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    transformers.Trainer(net, arguments, train_dataset=rows).train()


@has
def peft_adapter() -> None:
    import peft

    net, _, _ = bert()
    lora = peft.LoraConfig(task_type="SEQ_CLS", r=2, target_modules=["query", "value"])
    adapted = peft.get_peft_model(net, lora)
    torch.manual_seed(1)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.02)
    adapted.peft_config["default"].base_model_name_or_path = str(Path("bert").resolve())
    adapted.save_pretrained("adapter")


def shoes() -> None:
    """``shoes.csv`` with ``net.py`` and ``shoes.pth``."""
    y = torch.from_numpy(clouds(5)[1])
    kinds = pd.DataFrame({"kind": [("boot", "clog", "pump")[one] for one in y]})
    table("shoes", kinds, 3, lambda out: functional.cross_entropy(out, y))


@has
def dataframe() -> None:
    shoes()


@has
def sklearn_pipeline() -> None:
    shoes()


@has
def own_loop() -> None:
    shoes()
    frame = pd.read_csv("shoes.csv")
    frame.assign(split=np.array(["train", "test", "train", "train", "val"])[np.arange(N) % 5]).to_csv(
        "shoes.csv", index=False
    )


@has
def pred_probs() -> None:
    shoes()
    noisy = pd.read_csv("shoes.csv")
    noisy[list("abcde")] = clouds(5, apart=3)[0]
    noisy.loc[WRONG, "kind"] = noisy.loc[WRONG, "kind"].map({"boot": "clog", "clog": "pump", "pump": "boot"})
    noisy.to_csv("shoes.csv", index=False)


@has
def annotators() -> None:
    shoes()
    frame = pd.read_csv("shoes.csv")
    kind = frame.pop("kind")
    other = kind.map({"boot": "clog", "clog": "pump", "pump": "boot"})
    ben = kind.where(np.arange(N) % 10 > 0, other)  # wrong on every tenth
    frame.assign(anna=kind, ben=ben, cleo=kind).to_csv("shoes.csv", index=False)


@has
def boosting() -> None:
    pred_probs()


TRAIN = """import argparse
import pathlib

import pandas as pd
from sklearn.linear_model import LogisticRegression

given = argparse.ArgumentParser()
for name in ("data", "out", "seed"):
    given.add_argument("--" + name)
given = given.parse_args()
table = pd.read_csv(given.data)
part = table[table.split == "train"].sample(frac=0.9, random_state=int(given.seed))
model = LogisticRegression().fit(part[list("abcde")], part["kind"])
test = table[table.split == "test"]
said = pd.DataFrame(model.predict_proba(test[list("abcde")]), columns=model.classes_)
said.assign(id=test["id"].to_numpy()).to_parquet(pathlib.Path(given.out) / "predictions.parquet")
"""


@has
def own_script() -> None:
    own_loop()
    Path("train.py").write_text(TRAIN, encoding="utf-8")


@has
def causal_lm() -> None:
    import transformers

    _, tokenizer, table = bert()
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32, "bos_token_id": 2, "eos_token_id": 3}
    torch.manual_seed(0)
    transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=len(tokenizer), **sizes)).save_pretrained("gpt")
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }} : {{ m['content'] }} {% endfor %}" + (
        "{% if add_generation_prompt %}assistant : {% endif %}"
    )
    tokenizer.save_pretrained("gpt")
    turns = [({"role": "user", "content": one[:12]}, {"role": "assistant", "content": one}) for one in table.body]
    table[["id"]].assign(messages=turns).to_json("chat.jsonl", orient="records", lines=True)


@has
def word_labels() -> None:
    _, _, table = bert()
    tags = [[len(word) % 2 for word in body.split()] for body in table.body]
    table[["body"]].assign(tags=tags).to_json("words.jsonl", orient="records", lines=True)


@has
def pairs() -> None:
    _, _, table = bert()
    table.rename(columns={"body": "question"}).assign(passage=table.body.str[::-1])[["question", "passage"]].to_csv(
        "pairs.csv", index=False
    )


DRAWING = """import torch
from torch import nn


class Drawing(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, x, timestep):
        return self.last(torch.tanh(self.first(x) + timestep.view(-1, 1, 1, 1)))


build = Drawing
"""


@has
def diffusion() -> None:
    Path("net.py").write_text(DRAWING, encoding="utf-8")
    torch.manual_seed(0)
    torch.save(torch.rand(24, 1, 8, 8), "pictures.pt")
