"""One forward and one backward pass that collect each layer's inputs and output gradients, leaving the model as it
was."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge
from torch.nn.modules.batchnorm import _BatchNorm

from attribution.errors import UserError
from attribution.gradients.layers import Call, Norm

if TYPE_CHECKING:
    from attribution.gradients.trace import Trace

Loss = Callable[[Any, Tensor], Tensor]  # (model output, labels (b, ...)) -> one scalar per sample (b,)


class Use(NamedTuple):
    """A layer's name, what went in, where in the graph its output came about, and the output's shape (the node's may be
    flatter).

    ``outputs`` (and its version) is what came out of a ``Norm`` on a CPU: elsewhere its closed form has no use for it.
    """

    layer: str
    inputs: Tensor
    edge: GradientEdge
    shape: torch.Size
    outputs: Tensor | None = None
    version: int = 0

    def call(self, gradient: Tensor) -> Call:
        """With the gradient at the node; an output that was changed in place since is no longer what the layer gave."""
        outputs = self.outputs if self.outputs is not None and self.outputs._version == self.version else None
        return Call(self.inputs, gradient.reshape(self.shape), outputs)


@contextmanager
def evaluation(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, gradients on and ``exact_kernels`` inside; afterwards every module is in its own mode again,
    also after an error."""
    modules = list(model.modules())
    training = [module for module in modules if module.training]
    hooks = [module.register_forward_hook(_laid_out) for module in modules if isinstance(module, _BatchNorm)]
    hooks.append(model.register_forward_pre_hook(lambda module, args: _forget(modules)))
    try:
        if training:
            model.eval()
        with exact_kernels(model):
            yield from _differentiable()
    finally:
        for module in training:
            module.training = True
        for hook in hooks:
            hook.remove()
        _forget(modules)


def _laid_out(module: nn.Module, args: Any, output: Any) -> None:
    """Have the gradient of one sample in the usual order in memory: from another (tokens turned into a picture) torch's
    backward pass of batch normalisation on a CPU takes wrong numbers."""
    if isinstance(output, Tensor) and output.requires_grad and len(output) == 1 and output.device.type == "cpu":
        output.register_hook(Tensor.contiguous)


def _forget(modules: Sequence[nn.Module]) -> None:
    """Empty what modules keep from one pass to the next (LeViT's biases of attention): its graph cannot be used
    again."""
    for module in modules:
        for name, kept in vars(module).items():
            if type(kept) is dict and kept and name[0] != "_":
                first = next(iter(kept.values()))
                if isinstance(first, Tensor) and first.requires_grad:
                    kept.clear()


def _differentiable() -> Iterator[None]:
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False), torch.enable_grad():
            yield
    else:
        with torch.enable_grad():
            yield


def exact_kernels(model: nn.Module) -> AbstractContextManager[None]:
    """The kernels that gradients and losses are taken with; on a CPU as they are.

    On a GPU convolutions round as matrix products do, in TF32 only where that was allowed for those: with TF32 a loss
    near zero loses its digits. cuDNN's recurrent layers have no backward pass in evaluation mode, so torch's own are
    taken.
    """
    if next((part.device.type for part in model.parameters()), "cpu") != "cuda":
        return nullcontext()
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    cudnn = torch.backends.cudnn
    return cudnn.flags(
        enabled=cudnn.enabled and not recurrent,
        benchmark=cudnn.benchmark,
        deterministic=cudnn.deterministic,
        allow_tf32=torch.backends.cuda.matmul.allow_tf32,
    )


@contextmanager
def recorded(modules: Mapping[str, nn.Module], uses: list[Use]) -> Iterator[None]:
    """Forward hooks on ``modules`` that append every use; removed at the end."""

    def hook(name: str) -> Callable[..., Tensor | None]:
        def record(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Tensor | None:
            if not isinstance(output, Tensor) or not output.requires_grad:
                return None
            inputs = args[0] if args else next(iter(kwargs.values()))
            # An in-place operation on a view cuts the view's node out of the graph; the node of what it views, or of a
            # copy, moves inwards.
            base = whole(output)
            made = output.clone() if base is None else base
            keeps = isinstance(module, Norm) and output.device.type == "cpu"
            kept = made.detach().view(output.shape) if keeps else None
            uses.append(Use(name, inputs.detach(), get_gradient_edge(made), output.shape, kept, made._version))
            return made if base is None else None

        return record

    with ExitStack() as hooks:
        for name, module in modules.items():
            hooks.callback(module.register_forward_hook(hook(name), with_kwargs=True, prepend=True).remove)
        yield


def whole(output: Tensor) -> Tensor | None:
    """The output, or what it is only another shape of (a linear layer's rows); None if it is another kind of view."""
    if not output._is_view():
        return output
    base = output._base
    same = (
        base is not None
        and base.requires_grad
        and base.is_contiguous()
        and output.is_contiguous()
        and base.numel() == output.numel()
    )
    return base if same else None


def capture(
    model: nn.Module,
    modules: Mapping[str, nn.Module],
    x: Tensor,
    y: Tensor,
    loss: Loss,
    autocast: torch.dtype | None = None,
    trace: "Trace | None" = None,
) -> dict[str, list[Call]]:
    """Inputs and output gradients of ``sum(loss(model(x), y))`` for every call of the given modules.

    The gradient is taken with respect to layer outputs, so autograd never forms a weight gradient and never goes below
    the first layer: about the cost of one forward and one input-gradient pass. The model must be in evaluation mode.
    Layers without calls are absent; calls that the result does not depend on are left out (their gradient is zero).
    ``autocast``: both passes in this precision where torch deems it safe; what is returned has the model's. ``trace``
    is given the gradients where its parameters met the batch.
    """
    uses: list[Use] = []
    dtype = None if autocast is None else next(model.parameters()).dtype
    with recorded(modules, uses), nullcontext() if autocast is None else torch.autocast(x.device.type, autocast):
        output = followed(model, x, trace)
    values = per_sample(loss(output.to(dtype) if isinstance(output, Tensor) else output, y), x.shape[0])
    edges = [use.edge for use in uses] + (trace.edges if trace else [])
    if not edges:
        return {}
    # The edge is the node as it was when the layer returned: a later in-place ReLU does not move it.
    gradients = torch.autograd.grad(values, edges, torch.ones_like(values), allow_unused=True)
    if trace:
        trace.gradients = list(gradients[len(uses) :])
    return by_layer(uses, gradients, dtype)


def by_layer(uses: list[Use], gradients: Sequence[Tensor | None], dtype: torch.dtype | None) -> dict[str, list[Call]]:
    """Layer -> its calls that have a gradient, in this precision (None: as they are)."""
    calls: dict[str, list[Call]] = {}
    for use, gradient in zip(uses, gradients, strict=False):
        if gradient is not None:
            call = use.call(gradient)
            calls.setdefault(use.layer, []).append(call if dtype is None else call.to(dtype))
    return calls


def followed(model: nn.Module, x: Tensor, trace: "Trace | None") -> Any:
    """The model's output, with the parameters of a trace followed through it."""
    if trace is None:
        return model(x)
    start = trace.start(x)
    with trace:
        return model(start)


@contextmanager
def counting_saved(model: nn.Module) -> Iterator[dict[int, int]]:
    """Inside, the storages that autograd keeps for a backward pass through the model, address -> bytes; the model's own
    are left out."""
    own = {part.untyped_storage().data_ptr() for part in [*model.parameters(), *model.buffers()]}
    found: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor.detach()

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield found


def per_sample(values: Tensor, b: int) -> Tensor:
    """The measure's values if they are one scalar per sample, else a ``UserError``."""
    if tuple(values.shape) != (b,):
        raise UserError(
            f"The loss returned shape {tuple(values.shape)} for a batch of {b} samples.",
            "Influence needs one loss per sample.",
            "Return a loss per sample of shape (b,), for example with reduction='none'.",
        )
    return values


def ordinary(tensor: Tensor) -> Tensor:
    """The tensor itself, or a copy that autograd may use if it was made in inference mode."""
    if not tensor.is_inference():
        return tensor
    with torch.inference_mode(False):
        return tensor.clone()
