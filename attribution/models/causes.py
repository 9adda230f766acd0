"""Why loaded weights do worse than they should: other readings of inputs and classes are tried, and the one under which
they do clearly better is named."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from attribution.datasets.dataset import Dataset
from attribution.datasets.handed import STANDARDISED, Inputs
from attribution.errors import UserError
from attribution.modalities import modality_of
from attribution.models.features import inputs_of
from attribution.models.fit import (
    MOST,
    SURE,
    TRIED,
    Fit,
    asked,
    below_expected,
    handed_words,
    interval,
    spread,
    worse_than_chance,
)
from attribution.models.predict import predict
from attribution.transforms import kind_of
from attribution.transforms.declared import Declared, DeclaredTransform, steps_of

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LOOKED_AT = 500  # pictures that are read again at their own size for each other reading of sizes or channels
ZOOM = 0.875  # crop by shorter side, of most published image models


@dataclass(frozen=True)
class Reading:
    """Inputs that the weights may have been trained on, in words, and how to ask for them."""

    words: str
    do: str
    inputs: Inputs


def complaint(model: nn.Module, dataset: "Dataset", fit: Fit) -> UserError | None:
    """What is wrong with loaded weights and the likeliest cause, found by trying others; None where nothing is.

    Where nobody says what to expect, a reading of inputs or classes under which they do clearly better is still told.
    """
    worse = worse_than_chance(fit)
    below = below_expected(fit)
    rows = spread(dataset.labelled_rows(fit.split), MOST if worse or below else TRIED)
    found = _better(model, dataset, rows, thorough=worse or below)
    if found is None and not worse and not below:
        return None
    why, do = found or _unknown(model, dataset)
    if worse:
        do += f" If it is meant to be so, say what you expect: --expect-accuracy {fit.accuracy:.2f}."
    return UserError(
        f"The loaded weights {'do worse than guessing' if worse else 'have'}{': ' if worse else ' '}{fit.words}.",
        why,
        do,
    )


def _better(model: nn.Module, dataset: "Dataset", rows: np.ndarray, thorough: bool) -> tuple[str, str] | None:
    """The reading of inputs or classes under which the same weights do clearly better: why, and what to do."""
    now = asked(model, dataset, rows)[1]
    best, share = _reread(model, dataset, rows, now, thorough)
    order = _order(model, dataset, rows, now)
    if best is None or (order is not None and order[0] > share):
        return order and order[1:]
    return (
        f"With {best.words} they have {100 * share:.1f} %: they were trained on other inputs than "
        f"{handed_words(inputs_of(model))}.",
        best.do,
    )


def _reread(
    model: nn.Module, dataset: "Dataset", rows: np.ndarray, now: np.ndarray, thorough: bool
) -> tuple[Reading | None, float]:
    """The reading of inputs that one step after another leads to, each clearly better than the last and the best of
    those that change one thing; and the share that is right under it. None where no step is."""
    best: Reading | None = None
    right = now
    stages = [_scales, _channels, _sizes] if thorough else [_scales]
    if thorough or inputs_of(model).transformed:  # samples are read again for each of them
        rows = spread(rows, LOOKED_AT if thorough else LOOKED_AT // 4)
        right = asked(model, dataset, rows)[1]
    while stages:
        tried = [
            (_asked_with(model, dataset, rows, one.inputs), one, stage)
            for stage in stages
            for one in stage(best.inputs if best else inputs_of(model), dataset, best.words if best else "")
        ]
        if not tried:
            break
        (_, then), one, stage = max(tried, key=_how_good)
        if not _clearly(right, then):
            break
        best, right = one, then
        stages.remove(stage)
    return best, float(right.mean())


def _how_good(tried: "tuple[tuple[np.ndarray, np.ndarray], Reading, Any]") -> tuple[float, float]:
    """By the share that is right, then by loss; of scales equally right the first, as larger inputs alone lower the
    loss."""
    (losses, right), _, stage = tried
    return float(right.mean()), 0.0 if stage is _scales else -float(losses.mean())


def _order(model: nn.Module, dataset: "Dataset", rows: np.ndarray, now: np.ndarray) -> tuple[float, str, str] | None:
    """The order of classes under which the same outputs are clearly more often right, found on one half of the samples
    and judged on the other: the share that is right, why, and what to do."""
    order = _best_order(model, dataset, rows[::2])
    half = rows[1::2]
    then = np.array(order, dtype=np.int64)[predict(model, dataset, half)[0].argmax(axis=1)] == dataset.labels[half]
    if not len(half) or not _clearly(now[1::2], then):
        return None
    names = [dataset.info.classes[place] for place in order]
    return (
        float(then.mean()),
        f"With its outputs read as {', '.join(names[:20])} they have {100 * then.mean():.1f} %: the order of "
        "the classes is another.",
        f"Give the model class_names = [{', '.join(repr(name) for name in names[:20])}], in the order of its outputs.",
    )


def _clearly(now: np.ndarray, then: np.ndarray) -> bool:
    """Whether ``then`` (n,) bool is right more often than ``now`` beyond chance, and takes away at least a quarter of
    the errors."""
    high = interval(int(now.sum()), len(now), SURE)[1]
    return bool(then.mean() > high and then.mean() - now.mean() > (1 - now.mean()) / 4)


def _unknown(model: nn.Module, dataset: "Dataset") -> tuple[str, str]:
    """What to look at where no other reading explains it."""
    if modality_of(dataset).tokens and not inputs_of(model).transformed:
        return (
            "The token ids are this project's own words, not those of the model's tokenizer.",
            "Name the folder that holds it (--transform hf:FOLDER), or give the model's own ids: an NPZ of whole "
            "numbers (X, y) with --inputs tokens.",
        )
    return (
        f"It is handed {handed_words(inputs_of(model))}; its preprocessing, its sizes of pictures or columns, or the "
        f"order of its classes ({', '.join(dataset.info.classes[:6])}) is likely another.",
        "Compare them with your own evaluation: --transform, --inputs, --mean, --std, --image-size, class_names.",
    )


def _scales(now: Inputs, dataset: "Dataset", so_far: str) -> list[Reading]:
    """Other scales of the same inputs."""
    picture = modality_of(dataset).shown_as == "picture"
    if now.transformed:
        return list(_rescaled(now, dataset, so_far)) if picture and len(now.shape) == 3 else []
    if modality_of(dataset).tokens or now.kind == "tokens":
        return []
    others = [
        Reading("standardised inputs", "Add --inputs standardised.", STANDARDISED),
        Reading("raw inputs", "Use --inputs raw, without mean and std.", Inputs("raw")),
    ]
    if picture:
        half = (0.5,), (0.5,)
        usual = [("ImageNet mean and std", IMAGENET)] * (dataset.info.shape[0] == 3)
        for words, (mean, std) in [*usual, ("mean 0.5 and std 0.5", half)]:
            flags = f"--mean {','.join(map(str, mean))} --std {','.join(map(str, std))}"
            others.append(Reading(words, f"Add {flags}.", Inputs("raw", mean, std)))
        whole = Inputs("raw", (), (1 / 255,))
        others.append(Reading("pixels from 0 to 255", "Add --std 0.00392156862745098 (1/255).", whole))
    return [one for one in others if one.inputs != now]


def _rescaled(now: Inputs, dataset: "Dataset", so_far: str) -> Iterator[Reading]:
    """The same sizes with other scales; of a transform that is not declared, pictures stretched to its size."""
    base = _declared(now) or Declared(size=now.shape[1:])
    own = (tuple(dataset.info.preprocessing[name]) for name in ("mean", "std"))
    scales = {
        "ImageNet mean and std": IMAGENET,
        "mean 0.5 and std 0.5": ((0.5,), (0.5,)),
        "pixels from 0 to 1": ((), ()),
        "pixels from 0 to 255": ((), (1 / 255,)),
        "the mean and std of these pictures": tuple(own),
    }
    for words, (mean, std) in scales.items():
        if len(mean) in (0, 1, now.shape[0]):
            yield _reading(words, replace(base, mean=mean, std=std), now, so_far, dataset)


def _channels(now: Inputs, dataset: "Dataset", so_far: str) -> list[Reading]:
    """The same inputs with the channels of a picture in the other order, as OpenCV reads them."""
    steps = _steps(now, dataset)
    if steps is None or steps.colour == "grey" or now.shape_of(dataset.info)[0] != 3:
        return []
    other = "rgb" if steps.colour == "bgr" else "bgr"
    return [_reading(f"channels in the order {other.upper()}", replace(steps, colour=other), now, so_far, dataset)]


def _sizes(now: Inputs, dataset: "Dataset", so_far: str) -> list[Reading]:
    """The same scale with pictures brought to their size in other ways: stretched, or cropped from the middle."""
    steps = _steps(now, dataset)
    shape = now.shape_of(dataset.info)
    if steps is None or len(shape) != 3 or shape[1] != shape[2]:
        return []
    height = shape[1]
    side = (height,)
    short = round(height / ZOOM)
    ways: dict[str, dict[str, Any]] = {
        f"pictures stretched to {height} x {height}": {"size": side * 2, "resize": (), "crop": ()},
        f"the shorter side at {short} and a crop of {height}": {"size": (), "resize": (short,), "crop": side * 2},
        f"the shorter side at {height} and a crop of {height}": {"size": (), "resize": side, "crop": side * 2},
    }
    changed = {words: replace(steps, **way) for words, way in ways.items()}
    return [_reading(words, one, now, so_far, dataset) for words, one in changed.items() if one != steps]


def _steps(inputs: Inputs, dataset: "Dataset") -> Declared | None:
    """What is handed, as declared steps; None for what is no picture, whose pictures are not at hand, or what no steps
    can say."""
    if modality_of(dataset).shown_as != "picture" or not _at_hand(dataset):
        return None
    if inputs.transformed:
        return _declared(inputs)
    info = dataset.info
    own = {name: tuple(info.preprocessing[name]) for name in ("mean", "std")}
    scale = own if inputs.kind == "standardised" else {"mean": inputs.mean, "std": inputs.std}
    return Declared(size=tuple(info.shape[1:]), colour="rgb" if info.shape[0] == 3 else "grey", **scale)


def _declared(inputs: Inputs) -> Declared | None:
    kind, rest = kind_of(inputs.transform)
    return steps_of(kind, rest) if issubclass(kind, DeclaredTransform) else None


def _at_hand(dataset: "Dataset") -> bool:
    """Whether the pictures can be had at their own size."""
    try:
        return all(dataset.originals[row] for row in spread(dataset.rows("all"), 4))
    except UserError:  # the source is gone: other sizes cannot be tried, and are not spoken of
        return False


def _reading(words: str, steps: Declared, now: Inputs, so_far: str, dataset: "Dataset") -> Reading:
    """Declared steps as a reading; their tensors are not kept."""
    steps = replace(steps, colour=steps.colour or ("rgb" if now.shape_of(dataset.info)[0] == 3 else "grey"))
    said = steps.words()
    channels = 1 if steps.colour == "grey" else 3
    sides = steps.crop or steps.size or tuple(now.shape_of(dataset.info)[1:])
    inputs = Inputs(
        "transformed",
        steps.mean or (0.0,),
        steps.std or (1.0,),
        transform=said,
        shape=(channels, *sides),
        identity=said,
        kept=False,
    )
    before = "" if now.transformed or not (now.mean or now.std) else ", without --mean and --std"
    words = f"{so_far}, and {words}" if so_far else words
    return Reading(words, f"Say --transform {said}{before}.", inputs)


def _asked_with(
    model: nn.Module, dataset: "Dataset", rows: np.ndarray, inputs: Inputs
) -> tuple[np.ndarray, np.ndarray]:
    """Losses and whether right (n,) each, where the model is handed these inputs."""
    before = inputs_of(model)
    try:
        model.datablame_inputs = inputs  # type: ignore[assignment]
        return asked(model, dataset, rows)
    finally:
        model.datablame_inputs = before  # type: ignore[assignment]


def _best_order(model: nn.Module, dataset: "Dataset", rows: np.ndarray) -> list[int]:
    """For each output the class that makes most answers right, every class once."""
    from scipy.optimize import linear_sum_assignment

    answers = predict(model, dataset, rows)[0].argmax(axis=1)
    classes = len(dataset.info.classes)
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (answers, dataset.labels[rows]), 1)
    return [int(place) for place in linear_sum_assignment(-counts)[1]]
