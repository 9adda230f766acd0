"""A torch Dataset with its transform, and an nn.Module

Project.create("shapes", data=dict(train=train_set, test=test_set), model=net)
"""

import torch
import torchvision
from torchvision.transforms import ToTensor

from attribution import Project, ScoreConfig

shapes = torchvision.datasets.ImageFolder("shapes", ToTensor())
train_set = torch.utils.data.Subset(shapes, range(0, 48, 2))
test_set = torch.utils.data.Subset(shapes, range(1, 48, 2))
net = torchvision.models.resnet18(num_classes=2).eval()
net.load_state_dict(torch.load("resnet18.pth", weights_only=True))

project = Project.create("shapes", data={"train": train_set, "test": test_set}, model=net)
scores = project.score(ScoreConfig(queries="test"))


def loss(name: str) -> torch.Tensor:
    x, y = shapes[int(name.rpartition("-")[2])]
    return torch.nn.functional.cross_entropy(net(x[None]), torch.tensor([y]))
