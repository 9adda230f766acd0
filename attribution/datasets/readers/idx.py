"""Read IDX files, in which MNIST and its kin come: pictures in one file, their labels in another."""

import math
import re
from pathlib import Path

import numpy as np

from attribution.datasets.readers import register
from attribution.datasets.readers._arrays import Part, content, source_of_parts
from attribution.datasets.readers.base import Reader
from attribution.datasets.source import Source
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

IMAGES = re.compile(r"(.*?)[-_.]?images?[-_.]idx3[-_.]ubyte(\.gz)?", re.IGNORECASE)
SPLITS = {"train": "train", "t10k": "test", "test": "test", "val": "val", "validation": "val"}
LAYOUT = "Give the folder that holds train-images-idx3-ubyte and train-labels-idx1-ubyte (packed with gzip or not)."
CLOTHES = (  # as the authors of Fashion-MNIST name their ten classes
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip


@register("idx")
class Idx(Reader):
    """MNIST and data in its format, in torchvision's folders as well."""

    title = "a folder of IDX files"
    summary = f"Pictures and labels as MNIST has them, also in torchvision's folders (MNIST/raw). {LAYOUT}"

    def sniff(self, path: Path, folder: bool) -> int:
        if not folder:
            return 3 if IMAGES.fullmatch(path.name) else 0
        return 3 if _images(path) else 0

    def read(self, config: DataConfig) -> Source:
        """Every file of pictures with the labels beside it; ``train`` and ``t10k`` are splits. ``UserError`` where a
        file is not as long as it says, or its labels are missing."""
        path = Path(config.path).expanduser()
        files = _images(path) if path.is_dir() else [path]
        parts = [_part(file, config.max_gigabytes) for file in files]
        named = {part.split for part in parts}
        alone = len(parts) == 1 or "train" not in named or len(named) < len(parts)
        if alone:
            parts = [Part("", part.name, part.pixels, part.labels) for part in parts]
        fashion = any("fashion" in part.lower() for part in files[0].parts[-4:])
        return source_of_parts(path, parts, CLOTHES if fashion else ())


def _images(folder: Path) -> list[Path]:
    """The files of pictures in a folder, in its ``raw``, or in the only ``raw`` of a folder in it; where one is there
    packed and unpacked, the unpacked one."""
    inner = [
        raw for raw in folder.glob("*/raw") if raw.is_dir() and any(IMAGES.fullmatch(one.name) for one in raw.iterdir())
    ]
    for place in (folder, folder / "raw", *(inner if len(inner) == 1 else [])):
        if not place.is_dir() or not place.resolve().is_relative_to(folder.resolve()):
            continue
        found = {name: one for one in sorted(place.iterdir(), reverse=True) if (name := _name(one)) is not None}
        if found:
            return [found[name] for name in sorted(found, key=lambda name: (SPLITS.get(name) != "train", name))]
    return []


def _name(path: Path) -> str | None:
    """What stands before ``-images-idx3-ubyte``; None for another file."""
    found = IMAGES.fullmatch(path.name)
    return found[1].lower() if found and path.is_file() else None


def _part(images: Path, max_gigabytes: float) -> Part:
    label = [images.with_name(re.sub(r"idx3", "idx1", re.sub(r"image", "label", images.name, flags=re.IGNORECASE)))]
    label += [label[0].with_name(label[0].name.removesuffix(".gz")), label[0].with_name(f"{label[0].name}.gz")]
    there = [one for one in label if one.is_file()]
    if not there:
        raise UserError(f"{label[0].name} does not lie beside {images.name}.", "It holds the labels.", LAYOUT)
    pixels = _array(images, 3, max_gigabytes)
    labels = _array(there[0], 1, max_gigabytes)
    if len(pixels) != len(labels):
        raise UserError(
            f"{images.name} has {len(pixels):,} pictures, {there[0].name} {len(labels):,} labels.",
            "There is one label per picture.",
            "Check that they belong together.",
        )
    name = _name(images) or "row"
    return Part(SPLITS.get(name, ""), name, pixels[..., None], labels.astype(np.int64))


def _array(path: Path, axes: int, max_gigabytes: float) -> np.ndarray:
    """The bytes of an IDX file in the shape that its header says; ``UserError`` where they do not fit."""
    found = content(path, max_gigabytes)
    start = 4 + 4 * axes
    shape = tuple(int(one) for one in found[4:start].view(">u4")) if len(found) >= start else ()
    wrong = tuple(found[:4]) != (0, 0, 8, axes) or len(shape) < axes
    if wrong or math.prod(shape) != len(found) - start or 0 in shape:
        said = "its header is none" if wrong else f"its header says {' x '.join(map(str, shape))} bytes"
        raise UserError(
            f"{path.name} is no whole IDX file of {axes} axes: {said}, {len(found) - start:,} follow.",
            "The pictures cannot be told apart.",
            "Download it again.",
        )
    return found[start:].reshape(shape)
