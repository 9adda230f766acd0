"""One small network per family of torchvision and timm: are dots of gradients those of autograd, and by which way?

    PYTHONPATH=. python benchmarks/architectures.py        # needs torchvision and timm; about two minutes

Random weights (normalisations with statistics of random pictures), three pictures in evaluation mode, the dots of all
nine pairs against one-sample autograd, in float64 (in float32 a ReLU that a rounding error switches is no error).
"""

import functools
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from attribution.gradients.capture import evaluation
from attribution.gradients.engine import GradientEngine
from attribution.tasks.classification import per_sample_loss

CLASSES = 5
RESULTS = Path(__file__).parent / "results" / "architectures.json"
# name: (library, builder, size of the pictures, arguments)
ARCHITECTURES: dict[str, tuple[str, str, int, dict[str, Any]]] = {
    "AlexNet": ("torchvision", "alexnet", 64, {}),
    "VGG with batch norm": ("torchvision", "vgg11_bn", 32, {}),
    "GoogLeNet": ("torchvision", "googlenet", 64, {"aux_logits": False, "init_weights": False}),
    "Inception v3": ("torchvision", "inception_v3", 80, {"aux_logits": False, "init_weights": False}),
    "SqueezeNet": ("torchvision", "squeezenet1_1", 64, {}),
    "ResNet": ("torchvision", "resnet18", 64, {}),
    "ResNeXt": ("timm", "resnext26ts", 64, {}),
    "DenseNet": ("torchvision", "densenet121", 32, {}),
    "MNASNet": ("torchvision", "mnasnet0_5", 64, {}),
    "MobileNet v2": ("torchvision", "mobilenet_v2", 64, {}),
    "MobileNet v3": ("torchvision", "mobilenet_v3_small", 64, {}),
    "ShuffleNet v2": ("torchvision", "shufflenet_v2_x0_5", 64, {}),
    "EfficientNet": ("timm", "efficientnet_b0", 64, {}),
    "EfficientNet lite": ("timm", "efficientnet_lite0", 64, {}),
    "RegNet": ("torchvision", "regnet_y_400mf", 64, {}),
    "ConvNeXt (torchvision)": ("torchvision", "convnext_tiny", 64, {}),
    "ConvNeXt (timm)": ("timm", "convnext_atto", 64, {}),
    "ViT (torchvision)": ("torchvision", "vit", 32, {}),
    "ViT (timm)": ("timm", "vit_tiny_patch16_224", 64, {"img_size": 64}),
    "Swin": ("timm", "swin_tiny_patch4_window7_224", 56, {"img_size": 56, "embed_dim": 24, "num_heads": (1, 2, 4, 8)}),
    "Swin v2": ("torchvision", "swin_v2_t", 64, {}),
    "MaxViT": ("timm", "maxvit_rmlp_pico_rw_256", 64, {"img_size": 64}),
    "DeiT, distilled": ("timm", "deit_tiny_distilled_patch16_224", 64, {"img_size": 64}),
    "CaiT": ("timm", "cait_xxs24_224", 64, {"img_size": 64, "depth": 4}),
    "BEiT": ("timm", "beit_base_patch16_224", 64, {"img_size": 64, "depth": 3, "embed_dim": 96, "num_heads": 3}),
    "EVA-02": ("timm", "eva02_tiny_patch14_224", 56, {"img_size": 56}),
    "PVT v2": ("timm", "pvt_v2_b0", 64, {}),
    "PoolFormer": ("timm", "poolformer_s12", 64, {}),
    "MLP-Mixer": ("timm", "mixer_s32_224", 64, {"img_size": 64}),
    "ResMLP": ("timm", "resmlp_12_224", 64, {"img_size": 64}),
    "gMLP": ("timm", "gmlp_ti16_224", 64, {"img_size": 64}),
    "ConvMixer": ("timm", "convmixer_768_32", 32, {}),
    "CoAtNet": ("timm", "coatnet_nano_rw_224", 64, {"img_size": 64}),
    "LeViT": ("timm", "levit_128s", 64, {"img_size": 64}),
    "MobileViT": ("timm", "mobilevit_xxs", 64, {}),
    "GhostNet": ("timm", "ghostnet_050", 64, {}),
    "ReXNet": ("timm", "rexnet_100", 64, {}),
    "HRNet": ("timm", "hrnet_w18_small", 64, {}),
    "DLA": ("timm", "dla46_c", 64, {}),
    "DPN": ("timm", "dpn48b", 64, {}),
    "NFNet": ("timm", "nfnet_l0", 32, {}),
    "EdgeNeXt": ("timm", "edgenext_xx_small", 64, {}),
    "FastViT": ("timm", "fastvit_t8", 64, {}),
    "TinyViT": ("timm", "tiny_vit_5m_224", 64, {}),
    "XCiT": ("timm", "xcit_nano_12_p16_224", 64, {"depth": 4}),
    "Twins": ("timm", "twins_svt_small", 64, {"img_size": 64}),
    "Sequencer": ("timm", "sequencer2d_s", 56, {"layers": (1, 1, 2, 1)}),
    "VOLO": ("timm", "volo_d1_224", 64, {"img_size": 64}),
    "Visformer": ("timm", "visformer_tiny", 64, {"img_size": 64}),
    "BiT (standardised kernels)": ("timm", "resnetv2_50x1_bit", 32, {}),
    "Hiera": ("timm", "hiera_tiny_224", 64, {"img_size": 64}),
    "MetaFormer (CAFormer)": ("timm", "caformer_s18", 64, {}),
}


def build(name: str) -> tuple[nn.Module, Tensor, Tensor]:
    """A network in evaluation mode, three pictures and their labels."""
    library, builder, size, arguments = ARCHITECTURES[name]
    torch.manual_seed(0)
    if library == "timm":
        import timm

        model = timm.create_model(builder, num_classes=CLASSES, **arguments)
    else:
        import torchvision.models as models

        vit = functools.partial(models.VisionTransformer, 32, 8, 4, 3, 48, 96)
        model = (vit if builder == "vit" else getattr(models, builder))(num_classes=CLASSES, **arguments)
    if builder == "vgg11_bn":
        model.classifier = nn.Linear(512 * 7 * 7, CLASSES)  # its own has 120 million weights
    settled(model.double(), torch.randn(8, 3, size, size).double())
    return model.eval(), torch.randn(3, 3, size, size).double(), torch.tensor([0, 1, 2])


@torch.no_grad()
def settled(model: nn.Module, x: Tensor) -> None:
    """Running statistics of batch normalisation as after one batch: with none, deep networks overflow."""
    norms = [module for module in model.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for module in norms:
        module.momentum = None
    if norms:
        model.train()(x)


def autograd(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Dots of all pairs by autograd, one sample at a time."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rows = []
    for k in range(len(x)):
        with evaluation(model):
            loss = per_sample_loss(model(x[k : k + 1]), y[k : k + 1])[0]
            rows.append(torch.autograd.grad(loss, parameters, allow_unused=True))
    dots = torch.zeros(len(x), len(x), dtype=torch.float64)
    for found in zip(*rows, strict=True):
        if found[0] is not None:
            gradients = torch.stack([gradient.flatten() for gradient in found])
            dots += gradients @ gradients.T
    return dots


def tried(name: str) -> dict[str, Any]:
    """Largest error over largest value, and the shares of the weights by the way in which their gradients are had."""
    model, x, y = build(name)
    expected = autograd(model, x, y)
    engine = GradientEngine(model)
    dots = engine.dots(x, y, engine.queries(x, y))
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    shares: Counter[str] = Counter()
    for route in engine.plan(x, y).routes:
        shares[route.path] += sizes[route.parameter]
    total = sum(sizes.values())
    return {
        "architecture": name,
        "builder": "{}:{}".format(*ARCHITECTURES[name][:2]),
        "weights": total,
        "error": float((dots - expected).abs().max() / expected.abs().max()),
        "shares": {path: count / total for path, count in shares.items()},
        "others": sorted({f"{r.layer}: {r.reason}" for r in engine.plan(x, y).routes if r.path in ("vmap", "loop")}),
    }


def main() -> None:
    """All of them, into ``results/architectures.json``."""
    torch.set_num_threads(1)
    rows = []
    for name in ARCHITECTURES:
        start_s = time.perf_counter()
        rows.append(tried(name))
        print(f"{name:28} {rows[-1]['error']:.1e} {rows[-1]['shares']} {time.perf_counter() - start_s:.1f} s")
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
