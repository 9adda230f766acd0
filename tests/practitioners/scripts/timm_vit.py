"""A timm network (ViT, Swin, ConvNeXt ...) and its data config

datablame new shapes --path shapes/ --model timm:NAME --checkpoints vit.pth --transform timm:NAME
"""

import timm
import torch
from PIL import Image

from attribution import ModelConfig, Project, ScoreConfig

net = timm.create_model("vit_tiny_patch16_224", num_classes=2, img_size=32, depth=2).eval()
net.load_state_dict(torch.load("vit.pth", weights_only=True))
config = timm.data.resolve_data_config({"img_size": 32}, model=net)
transform = timm.data.create_transform(**config)

model = ModelConfig("timm:vit_tiny_patch16_224", arguments=("img_size=32", "depth=2"), checkpoints=("vit.pth",))
project = Project.create("shapes", "shapes", model, transform=config)
project.train()
scores = project.score(ScoreConfig(queries="test"))


def loss(name: str) -> torch.Tensor:
    picture = transform(Image.open(f"shapes/{name}").convert("RGB"))
    return torch.nn.functional.cross_entropy(net(picture[None]), torch.tensor([int("square" in name)]))
