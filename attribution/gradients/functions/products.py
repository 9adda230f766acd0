"""Products: weights of linear layers, tables and kernels that are not their layer's own, or are used elsewhere too."""

from types import SimpleNamespace
from typing import Any

from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv3d_weight

from attribution.gradients.capture import whole
from attribution.gradients.convolution import Convolution
from attribution.gradients.factors import Dense, Factor, Outer
from attribution.gradients.rules.embedding import looked_up
from attribution.gradients.trace import Part, Trace, Unknown, meets, summed


def recorded(trace: Trace, output: Tensor, parts: list[tuple[Any, Part]]) -> Tensor:
    """What a function gave, with the gradient there kept for the parameters among ``parts``."""
    base = whole(output)
    made = output.clone() if base is None else base
    trace.at(made, output.shape, *((value, part) for value, part in parts if trace.holds(value)))
    return output if base is not None else made


@meets(F.linear)
def linear(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``y = x W^T + c`` of a batch ``x``."""
    inputs, weight, bias = _three(args, kwargs)
    _per_sample(trace, inputs)
    o, i = weight.shape
    x = inputs.detach()
    return recorded(
        trace,
        func(inputs, weight, bias),
        [
            (weight, lambda g: Outer(g.reshape(trace.b, 1, -1, o), x.reshape(trace.b, 1, -1, i).to(g.dtype), (o, i))),
            (bias, lambda g: Dense(summed(g, trace.b, o), (o,))),
        ],
    )


@meets("matmul", "__matmul__", "mm")
def product(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``y = x W`` of a batch ``x``."""
    inputs, weight = args
    return _right(trace, func(inputs, weight), inputs, weight, None)


@meets("addmm")
def shifted_product(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """``y = c + x W`` of a batch ``x``."""
    if kwargs:
        raise Unknown("with a factor")
    bias, inputs, weight = args
    return _right(trace, func(bias, inputs, weight), inputs, weight, bias)


def _right(trace: Trace, output: Tensor, inputs: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    _per_sample(trace, inputs)
    if trace.holds(inputs) or weight.dim() != 2:
        raise Unknown(f"a product of {tuple(inputs.shape)} and {tuple(weight.shape)}")
    i, o = weight.shape
    x = inputs.detach()

    def of_weight(g: Tensor) -> Factor:
        return Outer(x.reshape(trace.b, 1, -1, i).to(g.dtype), g.reshape(trace.b, 1, -1, o), (i, o), turned=True)

    return recorded(
        trace,
        output,
        [(weight, of_weight), (bias, lambda g: Dense(summed(g, trace.b, o), tuple(bias.shape)))],  # type: ignore[union-attr]
    )


@meets(F.embedding)
def table(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Rows of a table, by ids of the batch."""
    ids, weight, *more = args
    padding = more[0] if more else kwargs.get("padding_idx")
    padding = padding + len(weight) if padding is not None and padding < 0 else padding
    _per_sample(trace, ids)
    if any(more[2:]) or kwargs.get("scale_grad_by_freq"):
        raise Unknown("gradients scaled by frequency")

    def of_table(g: Tensor) -> Factor:
        places = ids.reshape(trace.b, -1).long()
        return looked_up(places, g.reshape(trace.b, -1, weight.shape[1]), tuple(weight.shape), padding)

    return recorded(trace, func(*args, **kwargs), [(weight, of_table)])


@meets("conv1d", "conv2d", "conv3d")
def kernel(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """A convolution; of three dimensions with the gradient written out by one group per sample."""
    named = _named(("input", "weight", "bias", "stride", "padding", "dilation", "groups"), args, kwargs)
    inputs, weight = named["input"], named["weight"]
    about = _geometry(named, weight, inputs)
    _per_sample(trace, inputs)
    x = inputs.detach()

    def of_kernel(g: Tensor) -> Factor:
        if weight.dim() == 5:
            return _written(x.to(g.dtype), g, about, trace.b)
        return Convolution(about, [(x.to(g.dtype), g)], trace.b)

    return recorded(trace, func(*args, **kwargs), [(weight, of_kernel), _bias(trace, named["bias"])])


@meets("conv_transpose1d", "conv_transpose2d")
def turned_kernel(trace: Trace, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """A transposed convolution: its kernel's gradient is that of a convolution from the outputs to the inputs."""
    order = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
    named = _named(order, args, kwargs)
    inputs, weight = named["input"], named["weight"]
    about = _geometry(named, weight, inputs)
    _per_sample(trace, inputs)
    x = inputs.detach()

    def of_kernel(g: Tensor) -> Factor:
        factor = Convolution(about, [(g, x.to(g.dtype))], trace.b)
        factor.turned = True
        return factor

    return recorded(trace, func(*args, **kwargs), [(weight, of_kernel), _bias(trace, named["bias"])])


def _bias(trace: Trace, bias: Tensor | None) -> tuple[Any, Part]:
    def part(g: Tensor) -> Factor:
        return Dense(g.flatten(2).sum(2).reshape(trace.b, -1, g.shape[1]).sum(1), (g.shape[1],))

    return bias, part


def _geometry(named: dict[str, Any], weight: Tensor, inputs: Tensor) -> Any:
    """What ``Convolution`` asks of a layer."""
    n = weight.dim() - 2
    if inputs.dim() != n + 2:
        raise Unknown(f"a picture of shape {tuple(inputs.shape)}")

    def each(name: str, default: int) -> Any:
        value = default if named[name] is None else named[name]
        if isinstance(value, str):
            return value
        return (value,) * n if isinstance(value, int) else tuple(value) * (n // len(value))

    return SimpleNamespace(
        weight=weight,
        kernel_size=tuple(weight.shape[2:]),
        stride=each("stride", 1),
        padding=each("padding", 0),
        dilation=each("dilation", 1),
        groups=named["groups"] or 1,
        padding_mode="zeros",
    )


def _written(inputs: Tensor, gradient: Tensor, about: Any, b: int) -> Dense:
    """Gradients of a three-dimensional kernel."""
    if isinstance(about.padding, str):
        raise Unknown("padding by name")
    n = len(gradient)
    o, c = about.weight.shape[:2]
    found = conv3d_weight(
        inputs.reshape(1, -1, *inputs.shape[2:]),
        (n * o, c, *about.kernel_size),  # type: ignore[arg-type]
        gradient.reshape(1, -1, *gradient.shape[2:]),
        about.stride,
        about.padding,
        about.dilation,
        n * about.groups,
    )
    return Dense(summed(found, b, about.weight.numel()), tuple(about.weight.shape))


def _per_sample(trace: Trace, inputs: Tensor) -> None:
    if trace.holds(inputs) or inputs.shape[0] % trace.b:
        raise Unknown(f"inputs of shape {tuple(inputs.shape)} for {trace.b} samples")


def _three(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, Any]:
    named = _named(("input", "weight", "bias"), args, kwargs)
    return named["input"], named["weight"], named["bias"]


def _named(order: tuple[str, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments by name, absent ones None."""
    return {**dict.fromkeys(order), **dict(zip(order, args, strict=False)), **kwargs}
