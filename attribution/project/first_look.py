"""What the network says before anything is trained, so that a misfit shows before the project exists."""

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.dataset import Dataset
from attribution.errors import UserError
from attribution.modalities import modality_of
from attribution.models.arguments import values_of
from attribution.models.series import told
from attribution.models.sources import source_of
from attribution.settings.configs import DataConfig, ModelConfig, TrainConfig, default_recipe

if TYPE_CHECKING:
    from torch import nn


def own_side(dataset: "Dataset", model: ModelConfig, data: DataConfig) -> int:
    """The side in pixels that a model of the user's says it takes, where they named none and the pictures were read at
    another; else 0."""
    from attribution.models.build import build_model, is_custom

    if model.transform or data.image_size or modality_of(dataset).shown_as != "picture" or not is_custom(model.name):
        return 0
    network = build_model(model, dataset.info, seed=0, trusted=True)
    sides = {side for module in (network, *network.children()) if (side := _side(module))}
    return sides.pop() if len(sides) == 1 and sides != set(dataset.info.shape[1:]) else 0


def _side(module: "nn.Module") -> int:
    """What a network's own settings say: torchvision's and Hugging Face's ``image_size``, the size that timm's patches
    were made for, else its fixed ``input_size``, which is that of the pretrained weights."""
    settings = getattr(module, "pretrained_cfg", None)
    fixed = settings.get("input_size") if isinstance(settings, dict) and settings.get("fixed_input_size") else None
    for found in (
        getattr(module, "image_size", None),
        getattr(getattr(module, "config", None), "image_size", None),
        getattr(getattr(module, "patch_embed", None), "img_size", None),
        fixed,
    ):
        sides = {found} if isinstance(found, int) else set(found[-2:]) if isinstance(found, list | tuple) else set()
        if len(sides) == 1 and isinstance(side := sides.pop(), int) and side > 0:
            return side
    return 0


def with_source(dataset: "Dataset", model: ModelConfig) -> ModelConfig:
    """The config with the trained weights and the preprocessing that come with the network's source, where none were
    named."""
    found = source_of(model.name)
    if found is None:
        return model
    source, rest = found
    arguments = values_of(model.arguments)
    if not (model.transform or model.train_transform or model.mean or model.std) and model.inputs == "auto":
        model = replace(model, transform=source.transform(rest, dataset.info.modality, arguments))
    if not model.checkpoints:
        width = dataset.task.out_features(dataset.info)
        model = replace(model, checkpoints=source.checkpoints(rest, width, arguments))
    return model


def usual_recipe(dataset: "Dataset", model: ModelConfig) -> TrainConfig:
    """The recipe that suits the data, and the weights that the network begins with."""
    recipe = default_recipe(dataset.info.modality, dataset.info.counts["train"], dataset.task.kind)
    found = source_of(model.name)
    if not found:
        return recipe
    return replace(recipe, **found[0].recipe(found[1], values_of(model.arguments), dataset.info.modality))


def settled(dataset: "Dataset", model: ModelConfig) -> ModelConfig:
    """The config with ``inputs=auto`` made ``tokens`` where the model has an embedding and the data are whole
    numbers, and with the shape of what its transform gives."""
    from attribution.models.build import build_model, is_custom
    from attribution.models.check import WantsTokens, check_model
    from attribution.models.checkpoints import BUILDER

    if BUILDER in model.checkpoints and not is_custom(model.name):
        raise UserError(
            f"checkpoints is builder, but {model.name} is built in.",
            "Its weights are drawn anew.",
            "Name files of weights, or leave it out.",
        )
    if model.transform:
        return with_shape(dataset, model)
    if model.inputs != "auto" or not is_custom(model.name):
        return model
    try:
        check_model(build_model(model, dataset.info, seed=0, trusted=True), dataset)
    except WantsTokens:
        return replace(model, inputs="tokens")
    return model


def with_shape(dataset: "Dataset", model: ModelConfig) -> ModelConfig:
    """The config with the shape that its transform gives, which is asked about a few samples; not where all tensors
    are there already, as in a sample that brings them."""
    from attribution.models.build import inputs_for
    from attribution.transforms.handing import place
    from attribution.transforms.settle import check_training, settled_shape

    if model.shape and place(dataset, inputs_for(model)).is_file():
        return model
    found = settled_shape(dataset, model.transform)
    if model.shape and model.shape != found:
        raise UserError(
            f"shape is {model.shape}, and the transform {model.transform} gives {found}.",
            "The network would be built for other inputs.",
            "Leave shape out: it is found.",
        )
    if model.train_transform:
        check_training(dataset, model.train_transform, found)
    return replace(model, shape=found)


def first_look(dataset: "Dataset", model: ModelConfig, expected: float | None) -> dict[str, Any]:
    """What ``Project.first_look`` gives. ``UserError`` for weights that do not fit, or that do worse than guessing."""
    from attribution.models.build import build_model, check_model
    from attribution.models.checkpoints import BUILDER, load_checkpoint
    from attribution.training.train import loss_on_samples

    network = build_model(model, dataset.info, seed=0, trusted=True)
    said = told(model)
    for checkpoint in model.checkpoints:
        if checkpoint != BUILDER:
            said += load_checkpoint(network, Path(checkpoint).expanduser())
    check_model(network, dataset)
    weights = _origin(network, dataset, model)
    look: dict[str, Any] = {
        "weights": weights,
        "parameters": sum(value.numel() for value in network.parameters()),
        "said": [*said, *_told(network, dataset, model, weights)],
    }
    look |= _fit(network, dataset, model, expected) if weights != "untrained" else _not_trained(dataset, expected)
    samples = loss_on_samples(network, dataset)
    look |= {"unit": dataset.task.unit, "chance": dataset.task.chance(dataset.labels[dataset.labelled_rows("train")])}
    return look | {
        "samples": [{name: _plain(value) for name, value in line.items()} for line in samples.to_dict("records")]
    }


def _its_own(dataset: "Dataset", model: ModelConfig) -> bool:
    """Whether the weights in use are those that come with the network's name, trained for these classes."""
    source, rest = source_of(model.name) or (None, "")
    width = dataset.task.out_features(dataset.info)
    return source is not None and model.checkpoints == source.checkpoints(rest, width, values_of(model.arguments)) != ()


def _told(network: "nn.Module", dataset: "Dataset", model: ModelConfig, weights: str) -> list[str]:
    """What the user should know of how the model was taken."""
    from attribution.transforms.handing import notes_of

    found = source_of(model.name)
    told = found[0].said(found[1], values_of(model.arguments)) if found else []
    if found and told and _its_own(dataset, model):
        told.append(
            "They have seen the labels as they are: for a proof from before that, name what you began with as the "
            f"model (--model {found[0].name}:BASE) and this one as --checkpoints."
        )
    if weights == "builder" and not model.checkpoints and not told:
        told.append(
            "The weights come from the builder: they are the same at every seed. Training starts from them; to ask "
            "them as they are, give checkpoints=builder."
        )
    if found and not (model.transform or model.mean or model.std) and model.inputs == "auto":
        told += found[0].unprepared(found[1], dataset.info.modality)
    if model.transform:
        size = ", from its file at its own size" if modality_of(dataset).files else ""
        told.append(f"Each sample is given to the model as {model.transform} makes it{size}: {_by(model.shape)}.")
        told += notes_of(dataset, model.transform)
    if model.inputs == "tokens":
        told.append("The numbers are handed to the model as whole numbers: token ids for its embedding.")
    if type(network).__name__ == "Ordered":
        classes = ", ".join(dataset.info.classes[:12])
        told.append(f"The model's outputs are put into the data's order of classes: {classes}.")
    return told


def _by(shape: tuple[int, ...]) -> str:
    return f"{' × '.join(map(str, shape))} numbers"


def _fit(network: "nn.Module", dataset: "Dataset", model: ModelConfig, expected: float | None) -> dict[str, Any]:
    """How well weights that are there do; ``UserError`` for loaded ones that do worse than guessing."""
    from attribution.models.causes import complaint
    from attribution.models.fit import by_task, measured, worse_than_chance

    if not _by_classes(dataset):
        _no_accuracy(dataset, expected)
        measured_by_task, problem = by_task(network, dataset)
        if problem and model.checkpoints:
            raise problem
        return {"measured": measured_by_task, "warning": []}
    fit = measured(network, dataset, expected)
    problem = complaint(network, dataset, fit)
    if problem and model.checkpoints and worse_than_chance(fit):
        if model.name.startswith("given:"):
            more = "If it is not trained yet, hand over a function that builds it: model=lambda: net."
            raise UserError(problem.what, problem.why, f"{problem.do} {more}")
        raise problem
    warning = [problem.what, problem.why, problem.do] if problem and model.checkpoints else []
    return {"measured": fit.to_json(), "warning": warning}


def _not_trained(dataset: "Dataset", expected: float | None) -> dict[str, Any]:
    _no_accuracy(dataset, expected)
    if expected is not None:
        raise UserError(
            "An accuracy is expected of a model that is not trained yet.",
            "It is compared with loaded weights.",
            "Add --checkpoints.",
        )
    return {}


def _no_accuracy(dataset: "Dataset", expected: float | None) -> None:
    if expected is not None and not _by_classes(dataset):
        raise UserError(
            f"An accuracy is expected, but the task is {dataset.task.name}.",
            "It is the share of right classes.",
            "Leave out --expect-accuracy.",
        )


def _by_classes(dataset: "Dataset") -> bool:
    """Whether the model has a logit for each class."""
    return dataset.task.kind == "class" and dataset.task.out_features(dataset.info) == len(dataset.info.classes)


def _origin(network: "nn.Module", dataset: "Dataset", model: ModelConfig) -> str:
    """given (from files), builder (the user's function returns them, whatever the seed) or untrained."""
    import torch

    from attribution.models.build import build_model, is_custom
    from attribution.models.checkpoints import BUILDER

    if model.checkpoints:
        return "builder" if set(model.checkpoints) == {BUILDER} else "given"
    if not is_custom(model.name):
        return "untrained"
    first = list(network.parameters())
    second = list(build_model(model, dataset.info, seed=1, trusted=True).parameters())
    varied = [
        place for place, value in enumerate(first) if value.numel() > 1 and bool((value != value.reshape(-1)[0]).any())
    ]
    same = len(first) == len(second) and all(first[place].shape == second[place].shape for place in varied)
    return (
        "builder"
        if varied and same and all(torch.equal(first[place], second[place]) for place in varied)
        else "untrained"
    )


def _plain(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value  # JSON has no NaN
