"""Ask a network about a few real samples before anything is built on it: shapes, numbers, repeatability, and
gradients."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from attribution.datasets.handed import token_problem
from attribution.errors import Cancelled, UserError
from attribution.models.features import device_of, inputs_of
from attribution.models.user_code import kept_state, told, words

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset

ASKED = 4  # samples
SAME = 1e-3  # two answers to one question may differ by so much of the largest: rounding in other batches, never noise


class WantsTokens(UserError):
    """The model has an embedding and was handed numbers that could be token ids."""


def check_model(model: nn.Module, dataset: "Dataset") -> None:
    """Ask about a few samples, twice in eval mode and once in train mode with a backward pass; ``UserError`` for what
    cannot be worked with.

    Refused are: an error, outputs that the task cannot use (other shapes, probabilities, NaN), two answers
    to one question that differ, answers that depend on the other samples, inputs that are changed in place, an output
    without gradients, and state that cannot be saved. The model keeps its mode, its buffers and the random states of
    everybody else; nothing is learned.
    """
    rows = dataset.labelled_rows("all")
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(ASKED, len(rows))).round().astype(np.int64))]
    x = dataset.tensor(rows, device_of(model), inputs_of(model))
    y = dataset.task.tensor(dataset.labels[rows], x.device)
    mode = model.training
    buffers = {name: value.clone() for name, value in model.named_buffers()}
    shapes = _shapes(model)
    try:
        with kept_state():
            model.eval()
            _answers(model, x, dataset)
            model.train()
            _learns(model, x, y, dataset)
            _stays(shapes, _shapes(model))
            _saves(model, x, dataset)
    finally:
        model.train(mode)
        for name, value in model.named_buffers():
            if name in buffers and value.shape == buffers[name].shape:
                value.copy_(buffers[name])


def _answers(model: nn.Module, x: Tensor, dataset: "Dataset") -> None:
    before = x.clone()
    with torch.no_grad():
        logits = _ask(model, x, dataset, "it was asked about samples")
        _check_outputs(logits, x, dataset)
        _untouched(x, before)
        again = _ask(model, x, dataset, "it was asked again")
        if _differ(logits, again):
            raise UserError(
                f"Two answers to the same question differ by {float((logits - again).abs().max()):.3g}, in eval mode.",
                "Influence is asked of one answer; there is none.",
                "Take chance out of the forward pass in eval mode (dropout: nn.Dropout or F.dropout(x, "
                "training=self.training)), and state that it changes.",
            )
        alone = _ask(model, x[:1], dataset, "it was asked about one sample")
        turned = _ask(model, x.flip(0), dataset, "it was asked in another order")
        if len(x) > 1 and (
            _differ(logits[:1], alone) or not isinstance(turned, Tensor) or _differ(logits, turned.flip(0))
        ):
            raise UserError(
                "The answer for a sample depends on its batch (the other samples, or its place among them), in "
                "eval mode.",
                "Then no sample has an influence of its own.",
                "Let normalisation run on its kept statistics in eval mode (track_running_stats=True), and take "
                "no mean over dimension 0.",
            )


def _untouched(x: Tensor, before: Tensor) -> None:
    if not torch.equal(x, before):
        raise UserError(
            "The model changes its input in place.",
            "The samples would be others at the next question.",
            "Write x = x - ... instead of x -= ..., and no function that ends in _ on x.",
        )


def _check_outputs(outputs: Any, x: Tensor, dataset: "Dataset") -> None:
    width = dataset.task.out_features(dataset.info)
    shape = dataset.task.out_shape(dataset.info, tuple(x.shape[1:]))
    wanted: list[tuple[int, ...]] = [(len(x), *shape)] + ([(len(x),)] if width == 1 else [])
    found = tuple(outputs.shape) if isinstance(outputs, Tensor) else type(outputs).__name__
    if found not in wanted:
        raise UserError(
            f"The model maps an input of shape {tuple(x.shape)} to {found}.",
            _needed(dataset, wanted),
            "Change its last layer, or return the outputs alone.",
        )
    if not outputs.is_floating_point():
        raise UserError(
            f"The model returns {outputs.dtype} numbers.",
            "A loss is taken of floating-point numbers.",
            "Return what the last layer gives, not classes.",
        )
    if outputs.layout != torch.strided:
        raise UserError("The model returns a sparse tensor.", "Outputs are plain.", "Return outputs.to_dense().")
    if not bool(torch.isfinite(outputs).all()):
        raise UserError(
            "The model answers NaN or infinity.",
            "Every result would be NaN.",
            "Look for a division by 0 or a logarithm of 0 in its forward.",
        )
    if dataset.task.kind == "class" and width > 1:
        _refuse_probabilities(outputs)


def _needed(dataset: "Dataset", shapes: list[tuple[int, ...]]) -> str:
    """What the task expects, in words."""
    shape = " or ".join(map(str, shapes))
    if dataset.task.kind == "number":
        return f"One number per sample is to be predicted, so it must return outputs of shape {shape}."
    names = len(dataset.info.classes)
    return (
        f"The data has {names} {'classes' if dataset.task.kind == 'class' else 'labels'}, so it must return logits of "
        f"shape {shape}, without {'softmax' if shapes[0][1] > 1 and dataset.task.kind == 'class' else 'sigmoid'}."
    )


def _refuse_probabilities(outputs: Tensor) -> None:
    sums = outputs.sum(dim=1)
    if bool((outputs >= 0).all()) and bool(((sums - 1).abs() < 1e-3).all()):
        raise UserError(
            "The model returns probabilities: no output is below 0 and each sample's add up to 1.",
            "Cross-entropy takes logits; it would apply a second softmax, and losses and influences would be of "
            "another model.",
            "Return what goes into the last softmax, or torch.log of the probabilities.",
        )


def _learns(model: nn.Module, x: Tensor, y: Tensor, dataset: "Dataset") -> None:
    weights = [value for value in model.parameters() if value.requires_grad]
    if not weights:
        return  # said where it is to be trained or asked for gradients
    _plain(model)
    before = x.clone()
    with torch.enable_grad():
        logits = _ask(model, x, dataset, "it was asked in train mode")
        _untouched(x, before)
        _check_outputs(logits, x, dataset)
        if not logits.requires_grad:
            raise UserError(
                "The model's output is cut off from its weights.",
                "It could not learn, and no sample would have an influence.",
                "Take detach(), .data, .item(), numpy() and torch.no_grad() out of its forward.",
            )
        with _worded(model, x, dataset, "its gradients were taken"):
            slopes = torch.autograd.grad(dataset.task.loss(logits, y).mean(), weights, allow_unused=True)
    if any(slope is not None and slope.layout != torch.strided for slope in slopes):
        raise UserError(
            "The model has sparse gradients.",
            "Influences are products of whole gradients.",
            "Make its embedding without sparse=True.",
        )
    if any(slope is not None and not bool(torch.isfinite(slope).all()) for slope in slopes):
        raise UserError(
            "The gradient of the loss is NaN or infinite.",
            "Training would end in NaN.",
            "Look for a square root or a norm at 0 in its forward.",
        )


def _plain(model: nn.Module) -> None:
    """The weights must be real numbers: a product of complex gradients is no influence."""
    odd = [name for name, value in model.named_parameters() if value.is_complex()]
    if odd:
        raise UserError(
            f"The model's weight {odd[0]} is complex.",
            "Influences are products of gradients, and those are of real numbers.",
            "Keep its real and imaginary parts as two weights (torch.view_as_real).",
        )


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in (*model.named_parameters(), *model.named_buffers())}


def _stays(before: dict[str, tuple[int, ...]], after: dict[str, tuple[int, ...]]) -> None:
    """The forward pass must leave the weights' names and shapes as they are."""
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    if changed:
        raise UserError(
            f"The model's forward changes what it is made of: {changed[0]} was {before.get(changed[0], 'not there')}, "
            f"is {after.get(changed[0], 'gone')}.",
            "Weights that were saved would not fit the model that is built anew.",
            "Make all parameters and buffers in __init__, at their final size.",
        )


def _saves(model: nn.Module, x: Tensor, dataset: "Dataset") -> None:
    """Everything that the model keeps must be plain tensors that load again."""
    with _worded(model, x, dataset, "its weights were saved"):
        kept = model.state_dict()
    other = [name for name, value in kept.items() if not isinstance(value, Tensor)]
    if other:
        raise UserError(
            f"The model keeps something that is no tensor: {other[0]} ({type(kept[other[0]]).__name__}).",
            "Weights are saved as plain tensors; it would be lost.",
            "Keep it as a buffer, or make it anew in __init__.",
        )
    try:
        model.load_state_dict(kept)
    except Exception as error:
        raise UserError(
            f"What the model saves does not load again: {words(error)}.",
            "A trained model could not be opened.",
            "Mend its state_dict hooks.",
        ) from error


class _worded:
    """Errors of the model inside the block, of its own lines or of torch's, as a ``UserError`` with advice from what
    failed."""

    def __init__(self, model: nn.Module, x: Tensor, dataset: "Dataset", doing: str) -> None:
        self.model = model
        self.x = x
        self.dataset = dataset
        self.doing = doing

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if error is None or isinstance(error, UserError | Cancelled):
            return
        advice = _advice(error, self.model, self.x, self.dataset)
        if advice is not None:
            raise advice from error
        found = told(error, self.doing)
        if found is None and not isinstance(error, Exception):
            return  # Ctrl+C
        shape = tuple(self.x.shape)
        what = found.what if found else f"{words(error)}."
        raise UserError(
            f"The model fails on an input of shape {shape}: {what}",
            f"It gets samples of shape {shape[1:]} ({self.x.dtype}); it failed when {self.doing}.",
            found.do if found else "Make its first layer fit this shape.",
        ) from error


def _ask(model: nn.Module, x: Tensor, dataset: "Dataset", doing: str) -> Any:
    with _worded(model, x, dataset, doing):
        return model(x)


def _advice(error: BaseException, model: nn.Module, x: Tensor, dataset: "Dataset") -> UserError | None:
    """What to do about the errors that everybody meets: token ids, types, sizes; None for others."""
    text = str(error)
    tables = [module.num_embeddings for module in model.modules() if isinstance(module, nn.Embedding)]
    what = f"The model fails on an input of shape {tuple(x.shape)}: {words(error)}."
    if "indices" in text and "scalar type" in text and x.is_floating_point() and tables:
        problem = token_problem(dataset)
        if not problem:
            return WantsTokens(
                what,
                "Its embedding takes whole numbers, and it was handed floating-point ones.",
                "Add --inputs tokens.",
            )
        return UserError(what, f"Its embedding takes whole numbers; {problem}.", "Give it whole numbers, at least 0.")
    if "index out of range" in text and tables and not x.is_floating_point():
        return _too_many_ids(what, min(tables), dataset)
    if isinstance(error, TypeError) and "forward()" in text:
        return UserError(
            what,
            "It is called with one tensor, the inputs of a batch.",
            "Wrap it: def forward(self, x) that calls it as it wants.",
        )
    if any(word in text for word in ("dtype", "Double", "Half", "BFloat16")):
        kinds = sorted({str(value.dtype).removeprefix("torch.") for value in model.parameters()})
        return UserError(
            what,
            f"It is handed {str(x.dtype).removeprefix('torch.')}; its weights are {', '.join(kinds)}.",
            "Return model.float().",
        )
    return None


def _too_many_ids(what: str, rows: int, dataset: "Dataset") -> UserError:
    text = "vocabulary" in dataset.info.preprocessing
    highest = len(dataset.info.preprocessing["vocabulary"]) - 1 if text else int(dataset.tokens.max())
    why = f"Token ids go up to {highest:,}; its smallest embedding has {rows:,} rows."
    if not text:
        return UserError(
            what, why, f"Give it {highest + 1:,} rows, or check that the ids are those of its own tokenizer."
        )
    return UserError(
        what,
        f"{why} The ids are this project's own words, not those of the model's tokenizer.",
        "For a model trained elsewhere give its own token ids: an NPZ of whole numbers with --inputs tokens. For a new "
        f"one: --vocabulary {max(rows - 2, 1)}, or let the function take `vocabulary`.",
    )


def _differ(first: Tensor, second: Any) -> bool:
    if not isinstance(second, Tensor) or second.shape != first.shape:
        return True
    return bool((first - second).abs().max() > SAME * first.abs().max().clamp(min=1e-6))
