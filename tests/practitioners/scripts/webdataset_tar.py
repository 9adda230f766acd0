"""A WebDataset tar ([COCO, Label Studio, Parquet, Kaggle and others](docs/data.md) alike)

datablame new shapes --path shapes.tar --model torchvision:resnet18 --checkpoints resnet18.pth
"""

import io

import torch
import torchvision
import webdataset
from PIL import Image
from torchvision.transforms import functional

from attribution import ModelConfig, Project, ScoreConfig

model = ModelConfig("torchvision:resnet18", checkpoints=("resnet18.pth",))
project = Project.create("shapes", "shapes.tar", model)
project.train()
scores = project.score(ScoreConfig(queries="test"))

shapes = list(webdataset.WebDataset("shapes.tar", shardshuffle=False))
net = torchvision.models.resnet18(num_classes=2).eval()
net.load_state_dict(torch.load("resnet18.pth", weights_only=True))


def loss(name: str) -> torch.Tensor:
    one = shapes[int(name.removeprefix("row-")) - 1]
    picture = functional.to_tensor(Image.open(io.BytesIO(one["png"])).convert("RGB"))
    return torch.nn.functional.cross_entropy(net(picture[None]), torch.tensor([int(one["cls"])]))
