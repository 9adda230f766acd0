"""Preprocessing of pictures that is declared in words: size, crop, mean, deviation, colour; no library is needed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import UserError
from attribution.transforms.base import Transform, register

if TYPE_CHECKING:
    from PIL import Image

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pictures, as torchvision has them
IMAGENET = "resize=256,crop=224,mean=0.485/0.456/0.406,std=0.229/0.224/0.225,colour=rgb"
FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
COLOURS = ("rgb", "bgr", "grey")
HELP = (
    "resize=256 (the shorter side), size=224 or size=HEIGHT/WIDTH (stretched), crop=224 (from the middle), "
    "mean=0.485/0.456/0.406, std=0.229/0.224/0.225 (or imagenet for either), interpolation=bilinear, colour=rgb, bgr "
    "or grey; for training also pad=4, random_crop=32, random_resized=224, flip=0.5"
)


@dataclass(frozen=True)
class Declared:
    """A declaration, read: sides as (height, width), () where a step is left out."""

    resize: tuple[int, ...] = ()
    size: tuple[int, ...] = ()
    crop: tuple[int, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    interpolation: str = "bilinear"
    colour: str = ""
    pad: int = 0
    random_crop: tuple[int, ...] = ()
    random_resized: tuple[int, ...] = ()
    flip: float = 0.0

    def words(self) -> str:
        """The declaration in one form, whatever the order in which it was typed."""
        said = []
        for name, value in vars(self).items():
            if value != Declared.__dataclass_fields__[name].default:
                parts = value if isinstance(value, tuple) else (value,)
                parts = parts[:1] if len(parts) == 2 and parts[0] == parts[1] else parts
                said.append(f"{name}={'/'.join(one if isinstance(one, str) else f'{one:.9g}' for one in parts)}")
        return ",".join(said)


def parsed(said: str) -> Declared:
    """Read ``resize=256,crop=224,...``; ``UserError`` naming the part that cannot be."""
    values: dict[str, Any] = {}
    for part in filter(None, (one.strip() for one in said.split(","))):
        name, _, value = part.partition("=")
        name = name.strip().replace("-", "_").replace("color", "colour")
        if name not in READ:
            raise _wrong(part, "There is no such step.")
        try:
            values[name] = READ[name](value.strip())
        except ValueError as error:
            why = str(error) if str(error).startswith("It ") else f"{value.strip()!r} is no number."
            raise _wrong(part, why) from error
    found = Declared(**values)
    if found.size and found.resize:
        raise _wrong(said, "size stretches to both sides, resize keeps their ratio: it is one or the other.")
    return found


def _wrong(part: str, why: str) -> UserError:
    return UserError(f"The transform says {part!r}.", why, f"Write for example {IMAGENET}. There are {HELP}.")


def _sides(value: str) -> tuple[int, ...]:
    sides = tuple(int(side) for side in value.split("/"))
    if len(sides) > 2 or not all(1 <= side <= 4096 for side in sides):
        raise ValueError("It takes one or two sides in pixels, 1 to 4096.")
    return sides * 2 if len(sides) == 1 else sides


def _side(value: str) -> tuple[int, ...]:
    sides = _sides(value)
    if "/" in value:
        raise ValueError("It takes one side, the shorter one; size=HEIGHT/WIDTH takes both.")
    return sides[:1]


def _mean(value: str) -> tuple[float, ...]:
    return MEAN if value == "imagenet" else _numbers(value)


def _numbers(value: str) -> tuple[float, ...]:
    numbers = tuple(float(number) for number in value.split("/"))
    if len(numbers) not in (1, 3) or not all(map(math.isfinite, numbers)):
        raise ValueError("It takes one number, or one for each of three channels, with / between.")
    return numbers


def _deviations(value: str) -> tuple[float, ...]:
    numbers = STD if value == "imagenet" else _numbers(value)
    if min(numbers) <= 0:
        raise ValueError("Pictures are divided by it: it is above 0.")
    return numbers


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    def read(value: str) -> str:
        found = {"gray": "grey"}.get(value.lower(), value.lower())
        if found not in words:
            raise ValueError(f"It is one of {', '.join(words)}.")
        return found

    return read


def _share(value: str) -> float:
    if not 0 <= float(value) <= 1:
        raise ValueError("It is a probability, 0 to 1.")
    return float(value)


def _pad(value: str) -> int:
    if not 0 <= int(value) <= 1024:
        raise ValueError("It is a number of pixels, 0 to 1024.")
    return int(value)


READ: dict[str, Callable[[str], Any]] = {
    "resize": _side,
    "size": _sides,
    "crop": _sides,
    "mean": _mean,
    "std": _deviations,
    "interpolation": _one_of(FILTERS),
    "colour": _one_of(COLOURS),
    "pad": _pad,
    "random_crop": _sides,
    "random_resized": _sides,
    "flip": _share,
}


@register("declared")
class DeclaredTransform(Transform):
    """The steps in the order of torchvision's presets: colour, resize, crop, 0..1, mean and deviation."""

    written = "resize=256,crop=224,mean=...,std=..."
    summary = f"Steps for pictures, by commas: {HELP}."
    kinds = ("image",)

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(rest, dataset, shape, training)
        self.steps = parsed(rest)
        colours = max(len(self.steps.mean), len(self.steps.std)) == 3 or dataset.info.shape[0] == 3
        self.colour = self.steps.colour or ("rgb" if colours else "grey")

    @classmethod
    def takes(cls, said: str) -> bool:
        return "=" in said and ":" not in said

    @classmethod
    def identity(cls, rest: str) -> str:
        return f"declared:{parsed(rest).words()}"

    @classmethod
    def scale(cls, rest: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        steps = parsed(rest)
        return steps.mean or (0.0,), steps.std or (1.0,)

    def one(self, original: "Image.Image") -> np.ndarray:
        """float32 (C, H, W)."""
        from PIL import Image

        steps = self.steps
        picture = original.convert("L" if self.colour == "grey" else "RGB")
        way = Image.Resampling[steps.interpolation.upper()]
        if steps.resize:
            picture = picture.resize(_shorter(picture.size, steps.resize[0]), way)
        if steps.size:
            picture = picture.resize((steps.size[1], steps.size[0]), way)
        if steps.random_resized:
            picture = _random_part(picture).resize((steps.random_resized[1], steps.random_resized[0]), way)
        pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)
        pixels = np.pad(pixels, ((steps.pad, steps.pad), (steps.pad, steps.pad), (0, 0)))
        if steps.random_crop:
            pixels = _random_crop(pixels, *steps.random_crop)
        if steps.crop:
            pixels = _middle(pixels, *steps.crop)
        if steps.flip and np.random.random() < steps.flip:
            pixels = pixels[:, ::-1]
        return self._scaled(pixels)

    def _scaled(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (h, w, c) as float32 (c, h, w): in 0..1, less the mean, by the deviation."""
        values = pixels.transpose(2, 0, 1).astype(np.float32) / np.float32(255)
        values = values[::-1] if self.colour == "bgr" else values
        for numbers, step in ((self.steps.mean, np.subtract), (self.steps.std, np.divide)):
            if numbers:
                values = step(values, np.array(numbers, dtype=np.float32).reshape(-1, 1, 1))
        return np.ascontiguousarray(values)


@register("imagenet")
class ImageNet(DeclaredTransform):
    """What networks trained on ImageNet are usually asked with."""

    written = "imagenet"
    summary = f"The usual preprocessing of ImageNet: {IMAGENET}."

    def __init__(self, rest: str, dataset: Any, shape: Any = (), training: bool = False) -> None:
        super().__init__(_preset(rest), dataset, shape, training)

    @classmethod
    def takes(cls, said: str) -> bool:
        return False

    @classmethod
    def identity(cls, rest: str) -> str:
        return super().identity(_preset(rest))

    @classmethod
    def scale(cls, rest: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return super().scale(_preset(rest))


def _preset(rest: str) -> str:
    """``imagenet`` itself, or with other steps behind a colon: ``imagenet:resize=128,crop=112``."""
    own = parsed(rest)
    preset = parsed(IMAGENET)
    given = {one.strip().split("=")[0] for one in rest.split(",")} if rest else set()
    if given & {"size", "random_resized", "random_crop"}:
        preset = Declared(mean=preset.mean, std=preset.std, colour=preset.colour)
    changed = {name: value for name, value in vars(own).items() if value != Declared.__dataclass_fields__[name].default}
    return Declared(**{**vars(preset), **changed}).words()


def steps_of(kind: type[DeclaredTransform], rest: str) -> Declared:
    """The steps of a declaration or preset."""
    return parsed(_preset(rest) if issubclass(kind, ImageNet) else rest)


def _shorter(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(width, height) with the shorter side brought to ``side``, as torchvision rounds."""
    width, height = size
    return (side, int(side * height / width)) if width <= height else (int(side * width / height), side)


def _middle(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """The middle (height, width) of a picture, black where it is smaller, as torchvision's CenterCrop."""
    h, w = pixels.shape[:2]
    down, across = max(0, height - h), max(0, width - w)
    if down or across:
        pixels = np.pad(pixels, ((down // 2, (down + 1) // 2), (across // 2, (across + 1) // 2), (0, 0)))
        h, w = pixels.shape[:2]
    top, left = round((h - height) / 2), round((w - width) / 2)
    return pixels[top : top + height, left : left + width]


def _random_crop(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """A part of (height, width) at a random place, black where the picture is smaller."""
    pixels = _middle(pixels, max(height, pixels.shape[0]), max(width, pixels.shape[1]))
    top, left = (np.random.randint(0, free + 1) for free in (pixels.shape[0] - height, pixels.shape[1] - width))
    return pixels[top : top + height, left : left + width]


def _random_part(picture: "Image.Image") -> "Image.Image":
    """A random 8 to 100 % of a picture's area, its sides 3:4 to 4:3 (the crop of Szegedy et al. 2015)."""
    area = picture.width * picture.height
    for _ in range(10):
        part = area * np.random.uniform(0.08, 1.0)
        ratio = math.exp(np.random.uniform(math.log(3 / 4), math.log(4 / 3)))
        width, height = (round(math.sqrt(part * by)) for by in (ratio, 1 / ratio))
        if 0 < width <= picture.width and 0 < height <= picture.height:
            left = np.random.randint(0, picture.width - width + 1)
            top = np.random.randint(0, picture.height - height + 1)
            return picture.crop((left, top, left + width, top + height))
    return picture
