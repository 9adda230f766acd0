"""Where loaded weights of a picture model do worse than expected, the cause is found by trying: scale, channels, sizes
and order of classes, and the flag that mends it is named."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from attribution import DataConfig, ModelConfig, Project
from attribution.errors import UserError

SIDE = 12
CODE = f"""
from torch import nn

def net(classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * {SIDE} * {SIDE}, 24), nn.ReLU(), nn.Linear(24, classes))

def turned(classes):
    model = net(classes)
    model.class_names = ["b", "c", "a"]
    return model
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """180 pictures of 36 x 24 pixels: the class is the colour of a spot in the middle, and a frame beside it has any
    other; weights trained on the middle at ``SIDE`` x ``SIDE``, ImageNet's mean and std, in the order BGR."""
    folder = tmp_path_factory.mktemp("world")
    chance = np.random.default_rng(0)
    names = []
    for number in range(180):
        label = number % 3
        pixels = chance.normal(120, 10, (24, 36, 3))
        pixels[:, :, (label + 1 + chance.integers(2)) % 3] += np.where(np.abs(np.arange(36) - 17.5) > 12, 90, 0)
        pixels[6:18, 12:24, [[0], [0, 1], [1]][label]] += 25
        path = folder / "pictures" / "abc"[label] / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        names.append(path)
    x = torch.tensor(np.stack([seen(path) for path in names]))
    y = torch.arange(180) % 3
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 24), nn.ReLU(), nn.Linear(24, 3))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    assert (model(x).argmax(1) == y).float().mean() > 0.95
    torch.save(model.state_dict(), folder / "w.pt")
    (folder / "nets.py").write_text(CODE)
    return folder


def seen(path) -> np.ndarray:
    """The user's own preprocessing: shorter side at 12, the middle, ImageNet's numbers, BGR."""
    picture = Image.open(path).resize((18, 12), Image.Resampling.BILINEAR).crop((3, 0, 15, 12))
    pixels = np.asarray(picture, dtype=np.float32)[:, :, ::-1] / 255
    scaled = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return scaled.transpose(2, 0, 1).astype(np.float32)


def made(world, name, function="net", **settings) -> str:
    """What is said of the weights, in one line; "" where nothing is."""
    model = ModelConfig(f"{world / 'nets.py'}:{function}", checkpoints=(str(world / "w.pt"),), **settings)
    data = DataConfig(path=str(world / "pictures"), image_size=SIDE)
    try:
        look = Project.create(name, data, model, trust_code=True, expect_accuracy=0.99).first_look
    except UserError as error:
        return str(error)
    return " ".join(look["warning"])


RIGHT = "resize=12,crop=12,mean=0.485/0.456/0.406,std=0.229/0.224/0.225,colour=bgr"


def test_the_right_transform_has_nothing_to_be_said(world):
    assert made(world, "right", transform=RIGHT) == ""


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (RIGHT.replace("bgr", "rgb"), "order BGR"),
        (RIGHT.replace("mean=0.485/0.456/0.406,std=0.229/0.224/0.225", "mean=3,std=0.02"), "ImageNet mean and std"),
        (RIGHT.replace("resize=12,crop=12", "size=12"), "the shorter side at 12 and a crop of 12"),
    ],
)
def test_one_wrong_step_is_found_and_the_flag_mends_it(world, wrong, said):
    told = made(world, "wrong", transform=wrong)
    assert said in told
    flag = re.search(r"--transform (\S+?)\.? ?(If|$)", told).group(1).rstrip(".")
    assert made(world, "mended", transform=flag) == ""


def test_several_wrong_steps_are_found_one_after_the_other(world):
    told = made(world, "wrong", transform="resize=12,crop=12,colour=rgb")
    assert "order BGR" in told
    flag = re.search(r"--transform (\S+)", told).group(1).rstrip(".,")
    assert made(world, "mended", transform=flag) == ""


def test_another_order_of_classes_is_found_under_a_transform(world):
    assert "read as b, c, a" in made(world, "wrong", "turned", transform=RIGHT) or "order of the classes" in made(
        world, "again", "turned", transform=RIGHT
    )


def test_sizes_are_not_tried_where_the_source_is_gone(world, monkeypatch):
    monkeypatch.setattr("attribution.models.causes._at_hand", lambda dataset: False)
    assert "--transform" not in made(world, "gone", inputs="raw").split("Compare them")[0]
