"""A torchvision network, its weights and its transform

datablame new shapes --path shapes/ --model torchvision:resnet18 --checkpoints resnet18.pth --transform imagenet
"""

import torch
import torchvision
from PIL import Image
from torchvision import transforms

from attribution import ModelConfig, Project, ScoreConfig

steps = [transforms.Resize(40), transforms.CenterCrop(32), transforms.ToTensor()]
transform = transforms.Compose([*steps, transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))])
model = ModelConfig("torchvision:resnet18", checkpoints=("resnet18.pth",))
project = Project.create("shapes", "shapes", model, transform=transform)
project.train()
scores = project.score(ScoreConfig(queries="test"))

net = torchvision.models.resnet18(num_classes=2).eval()
net.load_state_dict(torch.load("resnet18.pth", weights_only=True))


def loss(name: str) -> torch.Tensor:
    picture = transform(Image.open(f"shapes/{name}").convert("RGB"))
    return torch.nn.functional.cross_entropy(net(picture[None]), torch.tensor([int("square" in name)]))
