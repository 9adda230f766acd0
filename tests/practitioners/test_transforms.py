"""Preprocessing as its libraries do it: torchvision (v1, v2), timm and Hugging Face, beside the user's own loop over
files."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms import transforms as v1
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertTokenizer,
    ViTImageProcessor,
)

from attribution import DataConfig, ModelConfig, Project, ScoreConfig, TrainConfig
from attribution.datasets.load import import_data
from attribution.models.build import inputs_for
from attribution.transforms.given import named
from attribution.transforms.settle import settled_shape

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "book", "very", "the", "a", "##s"]


@pytest.fixture
def pictures() -> Path:
    """45 pictures of three classes, of several sizes, colour and grey."""
    chance = np.random.default_rng(0)
    for number in range(45):
        folder = Path("pictures", "abc"[number % 3])
        folder.mkdir(parents=True, exist_ok=True)
        height, width = chance.integers(50, 110, 2)
        pixels = chance.integers(0, 160, (height, width, 3)) + 40 * (number % 3)
        picture = Image.fromarray(pixels.astype(np.uint8))
        (picture.convert("L") if number % 9 == 0 else picture).save(folder / f"{number:02d}.png")
    return Path("pictures")


def handed(dataset, transform) -> np.ndarray:
    """What the product hands to a model of every picture."""
    said = named(transform)
    config = ModelConfig(transform=said, shape=settled_shape(dataset, said))
    return dataset.tensor(dataset.rows("all"), inputs=inputs_for(config)).numpy()


def looped(folder, dataset, transform) -> np.ndarray:
    """The user's own loop."""
    return np.stack([np.asarray(transform(Image.open(folder / name).convert("RGB"))) for name in dataset.ids])


FLOAT = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
SAID = "mean=0.485/0.456/0.406,std=0.229/0.224/0.225,colour=rgb"
PAIRS = {
    "v1": [v1.Compose([v1.Resize(70), v1.CenterCrop(64), v1.ToTensor(), v1.Normalize(MEAN, STD)])] * 2,
    "v2": [v2.Compose([v2.Resize(70), v2.CenterCrop(64), *FLOAT])] * 2,
    "declared": [f"resize=70,crop=64,{SAID}", v1.Compose([v1.Resize(70), v1.CenterCrop(64), *FLOAT])],
    "stretched": [f"size=48/60,{SAID}", v1.Compose([v1.Resize((48, 60)), *FLOAT])],
    "cropped": [f"crop=90,{SAID}", v1.Compose([v1.CenterCrop(90), *FLOAT])],
    "bicubic": [
        f"resize=40,crop=40,interpolation=bicubic,{SAID}",
        v1.Compose([v1.Resize(40, InterpolationMode.BICUBIC), v1.CenterCrop(40), *FLOAT]),
    ],
    "imagenet": ["imagenet", torchvision.models.ResNet18_Weights.DEFAULT.transforms()],
    "weights": ["torchvision:ResNet18_Weights.DEFAULT", torchvision.models.ResNet18_Weights.DEFAULT.transforms()],
    "of a model": ["torchvision:resnet18", torchvision.models.ResNet18_Weights.DEFAULT.transforms()],
    "timm": [
        "timm:resnet18.a1_in1k",
        timm.data.create_transform(
            **timm.data.resolve_data_config(pretrained_cfg=timm.get_pretrained_cfg("resnet18.a1_in1k").to_dict())
        ),
    ],
}
CONFIG = timm.data.resolve_data_config({}, model=timm.create_model("resnet18"))
PAIRS["timm's config"] = [CONFIG, timm.data.create_transform(**CONFIG)]


@pytest.mark.parametrize("name", PAIRS)
def test_tensors_are_those_of_the_users_loop(pictures, name):
    dataset = import_data(DataConfig(path=str(pictures)), Path("data").absolute(), "pictures")
    said, transform = PAIRS[name]
    found, wanted = handed(dataset, said), looped(pictures, dataset, transform)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 2e-6


def test_a_saved_image_processor_is_read_from_its_folder(pictures):
    ViTImageProcessor(size={"height": 32, "width": 32}, image_mean=MEAN, image_std=STD).save_pretrained("processor")
    processor = AutoImageProcessor.from_pretrained("processor")
    dataset = import_data(DataConfig(path=str(pictures)), Path("data").absolute(), "pictures")

    def alone(picture):
        return processor(images=picture, return_tensors="pt")["pixel_values"][0]

    wanted = looped(pictures, dataset, alone)
    assert np.abs(handed(dataset, "hf:processor") - wanted).max() <= 2e-6
    assert np.abs(handed(dataset, lambda picture: processor(images=picture.convert("RGB"))) - wanted).max() <= 2e-6


def test_timms_augmentation_trains(pictures):
    model = ModelConfig("cnn", width=2, transform="timm:resnet18", train_transform="timm:resnet18")
    recipe = TrainConfig(epochs=1, batch_size=8, device="cpu")
    assert Project.create("one", DataConfig(path=str(pictures)), model, recipe).train().metrics().loss.notna().all()


def gradient(loss, net) -> torch.Tensor:
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(net.parameters()))])


def agrees(project, net, loss_of) -> None:
    """Scores of 5 x 5 pairs are those of one-sample autograd on the user's own preprocessing: within 1e-4 of the
    largest, or as near to float64 as autograd in float32 is (a rectifier near 0 turns over by rounding alone)."""
    scores = project.score(ScoreConfig(queries="test", device="cpu"))
    rows, values = scores.matrix()
    asked = [scores.query_rows(column)[0] for column in range(scores.n_queries)][:5]
    single, double = (dots(net.to(kind), loss_of, rows[:5], asked) for kind in (torch.float32, torch.float64))
    largest = np.abs(double).max()
    allowed = max(1e-4 * largest, 2 * np.abs(single - double).max())
    assert allowed < 5e-3 * largest
    assert np.abs(values[:5, :5] - double).max() <= allowed


def dots(net, loss_of, *sides) -> np.ndarray:
    first, second = (torch.stack([gradient(loss_of(row, net), net) for row in rows]) for rows in sides)
    return (first @ second.T).numpy()


def test_a_resnet_with_its_transform_keeps_its_accuracy_and_its_scores_are_those_of_autograd(pictures):
    torch.manual_seed(0)
    transform = v1.Compose([v1.Resize(36), v1.CenterCrop(32), v1.ToTensor(), v1.Normalize(MEAN, STD)])
    net = torchvision.models.resnet18(num_classes=3)
    dataset = import_data(DataConfig(path=str(pictures)), Path("data").absolute(), "pictures")
    x, y = torch.from_numpy(looped(pictures, dataset, transform)), torch.from_numpy(dataset.labels)
    optimizer = torch.optim.Adam(net.parameters(), 1e-4)
    for _ in range(2):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimizer.step()
    with torch.no_grad():
        for _ in range(8):  # the averages of batch normalisation come to rest
            net(x)
    torch.save(net.eval().state_dict(), "mine.pt")
    rows = dataset.rows("test")
    right = float((net(x).argmax(1) == y)[rows].float().mean())

    model = ModelConfig("torchvision:resnet18", checkpoints=("mine.pt",), transform=f"resize=36,crop=32,{SAID}")
    project = Project.create("one", DataConfig(path=str(pictures)), model, expect_accuracy=right)
    assert project.first_look["measured"]["accuracy"] == pytest.approx(right, abs=5e-5)
    project.train()

    def loss_of(row, net):
        return torch.nn.functional.cross_entropy(net(x[[row]].to(net.fc.weight.dtype)), y[[row]])

    agrees(project, net, loss_of)


def test_a_bert_with_its_tokenizer_keeps_its_accuracy_and_its_scores_are_those_of_autograd():
    Path("bert").mkdir()
    Path("bert", "vocab.txt").write_text("\n".join(WORDS))
    BertTokenizer(vocab="bert/vocab.txt", vocab_file="bert/vocab.txt", model_max_length=24).save_pretrained("bert")
    tokenizer = AutoTokenizer.from_pretrained("bert")
    texts = [f"{'the very ' * (n % 4)}{'good' if n % 2 else 'bad'} film{'s' * (n % 3 == 0)}" for n in range(40)]
    lines = [f"{text},{'yes' if n % 2 else 'no'}" for n, text in enumerate(texts)]
    Path("texts.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len(WORDS), max_position_embeddings=24, id2label={0: "no", 1: "yes"}, **sizes)
    net = BertForSequenceClassification(config).eval()
    net.save_pretrained("bert")

    project = Project.create("one", DataConfig(path="texts.csv", text="text"), ModelConfig("hf:bert"))
    dataset = project.dataset
    assert project.model_config.transform.startswith("hf:")

    def logits(row):
        return net(**tokenizer([dataset.originals[row]], return_tensors="pt", truncation=True)).logits

    test = dataset.rows("test")
    right = np.mean([int(logits(row).argmax()) == dataset.labels[row] for row in test])
    assert project.first_look["measured"]["accuracy"] == pytest.approx(right, abs=5e-5)
    project.train()
    y = torch.from_numpy(dataset.labels)
    agrees(project, net, lambda row, _: torch.nn.functional.cross_entropy(logits(row), y[[row]]))
