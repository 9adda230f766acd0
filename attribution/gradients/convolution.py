"""Per-sample gradients of a convolution's kernel, from its inputs and output gradients.

A convolution is a linear layer on patches whose positions are the output pixels, so its gradients are outer products.
Patches take k*k times the memory of the inputs; they are cut for one block of samples at a time, and not at all where
the gradient is wanted written out on a CPU (a convolution with one group per sample yields it) or along a direction (a
convolution with the direction as kernel).
"""

from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from attribution.gradients.factors import Dense, Factor, Outer


@final
class Convolution(Factor):
    """Gradients of the kernel of a ``Conv1d`` or ``Conv2d`` for ``b`` samples; a layer used twice has two ``(inputs,
    gradient)`` calls.

    Inputs and gradients are kept as pictures ``(b * m, channels, height, width)``; m > 1 if a sample has several
    (frames, views). ``module`` is the layer, or anything with its weight and geometry. ``turned``: a transposed
    convolution's, whose "inputs" are the gradients.
    """

    turned = False

    def __init__(self, module: Any, calls: list[tuple[Tensor, Tensor]], b: int) -> None:
        self.count = b
        self.shape = tuple(module.weight.shape)
        self.groups = module.groups
        one = len(module.kernel_size) == 1  # a picture of height one
        self.kernel, self.dilation, self.stride = (
            (1, *value) if one else tuple(value) for value in (module.kernel_size, module.dilation, module.stride)
        )
        self.padding: tuple[int, ...] = (0, 0)
        self.calls: list[tuple[Tensor, Tensor]] = []
        for inputs, gradient in calls:
            padded, padding = _padded(module, inputs)
            self.padding = (0, *padding) if one else padding
            self.calls.append((padded[:, :, None] if one else padded, gradient[:, :, None] if one else gradient))
        pictures = sum(len(gradient) // b * gradient[0, 0].numel() for _, gradient in self.calls)
        self.sizes = (self.groups, pictures, self.shape[0] // self.groups, module.weight[0].numel())
        first = self.calls[0][1]
        self.itemsize = first.itemsize
        self.device = first.device
        self._like = first

    @property
    def nbytes(self) -> int:
        """Bytes held: inputs and output gradients."""
        return sum(inputs.nbytes + gradient.nbytes for inputs, gradient in self.calls)

    @property
    def grouped(self) -> bool:
        """Whether one group per sample is the faster way to the written-out gradient: measured so on CPUs for stride
        one in float32."""
        return self.device.type == "cpu" and self._like.dtype == torch.float32 and max(self.stride) == 1

    def block(self, start: int, stop: int) -> Outer:
        left, right = [], []
        for inputs, gradient in self._calls(start, stop):
            left.append(self._by_position(gradient.flatten(2), stop - start, self.sizes[2]))
            right.append(self._by_position(self._patches(inputs), stop - start, self.sizes[3]))
        if len(left) == 1:
            return Outer(left[0], right[0], self.shape)
        return Outer(torch.cat(left, 2), torch.cat(right, 2), self.shape)

    def outputs(self, start: int, stop: int) -> Tensor:
        """The left sides of a block alone ``(b, t, o)``, for one group: no patch is cut."""
        sides = [
            self._by_position(gradient.flatten(2), stop - start, self.sizes[2])[:, 0]
            for _, gradient in self._calls(start, stop)
        ]
        return sides[0] if len(sides) == 1 else torch.cat(sides, 1)

    @property
    def left_bytes(self) -> int:
        """Bytes of the output gradients."""
        return sum(gradient.nbytes for _, gradient in self.calls)

    def narrowed(self, start: int, stop: int, outputs: Tensor, inputs: Tensor) -> Outer:
        """A block of samples with these outputs and places of the patch of every group alone; the others are not
        copied."""
        left, right = [], []
        for pictures, gradient in self._calls(start, stop):
            window = self._window(pictures)  # (n, channels, kh, kw, oh, ow)
            area = self.kernel[0] * self.kernel[1]
            width = self.kernel[1]
            channels = torch.arange(self.groups, device=inputs.device)[:, None] * self.shape[1] + inputs // area
            patches = window[:, channels, inputs % area // width, inputs % width]  # (n, groups, i', oh, ow)
            right.append(self._by_position(patches.flatten(1, 2).flatten(2), stop - start, len(inputs)))
            chosen = gradient.unflatten(1, (self.groups, -1)).index_select(2, outputs)
            left.append(self._by_position(chosen.flatten(1, 2).flatten(2), stop - start, len(outputs)))
        shape = (self.groups * len(outputs) * len(inputs),)
        return Outer(torch.cat(left, 2), torch.cat(right, 2), shape)

    def outputs_moment(self) -> Tensor:
        """Sum over samples and positions of the outer products of the output gradients ``(o, o)``, for one group."""
        grids = [gradient.flatten(2) for _, gradient in self.calls]  # (n, o, t)
        return torch.stack([torch.bmm(grid, grid.mT).sum(0) for grid in grids]).sum(0)

    @property
    def dtype(self) -> torch.dtype:
        """Of the numbers."""
        return self._like.dtype

    def dense(self) -> Tensor:
        return self.written(0, self.count)

    def owned(self) -> Outer:
        return self.block(0, self.count).owned()

    def written(self, start: int, stop: int) -> Tensor:
        """Gradients of a block of samples, written out ``(stop - start, p)``."""
        if not self.grouped:
            return self.block(start, stop).dense()
        total = self._like.new_zeros(0)
        for inputs, gradient in self._calls(start, stop):
            n = len(gradient)
            kernels = conv2d_weight(
                inputs.reshape(1, -1, *inputs.shape[2:]),
                (n * self.shape[0], self.shape[1], *self.kernel),  # type: ignore[arg-type]
                gradient.reshape(1, -1, *gradient.shape[2:]),
                self.stride,  # type: ignore[arg-type]
                self.padding,  # type: ignore[arg-type]
                self.dilation,  # type: ignore[arg-type]
                n * self.groups,
            )
            found = (
                kernels.reshape(stop - start, -1, self.numel).sum(1)
                if n > stop - start
                else kernels.reshape(n, self.numel)
            )
            total = found if len(total) == 0 else total + found
        return total

    def along(self, start: int, stop: int, weights: Tensor) -> Tensor:
        """Dots of a block of samples with directions ``weights (q, p)``: ``(stop - start, q)``, one convolution per
        direction."""
        columns = []
        for weight in weights.reshape(len(weights), self.shape[0], self.shape[1], *self.kernel):
            total = self._like.new_zeros(stop - start)
            for inputs, gradient in self._calls(start, stop):
                pushed = F.conv2d(inputs, weight, None, self.stride, self.padding, self.dilation, self.groups)
                total += torch.linalg.vecdot(pushed.reshape(stop - start, -1), gradient.reshape(stop - start, -1))
            columns.append(total)
        return torch.stack(columns, 1)

    def _calls(self, start: int, stop: int) -> list[tuple[Tensor, Tensor]]:
        found = []
        for inputs, gradient in self.calls:
            m = len(gradient) // self.count
            found.append((inputs[start * m : stop * m], gradient[start * m : stop * m]))
        return found

    def _patches(self, inputs: Tensor) -> Tensor:
        """What each output position sees ``(n, channels * kernel, positions)``; one strided copy, two to three times
        faster than unfold."""
        view = self._window(inputs)
        n, channels, kh, kw, oh, ow = view.shape
        return view.reshape(n, channels * kh * kw, oh * ow)

    def _window(self, inputs: Tensor) -> Tensor:
        """The same as a view ``(n, channels, kh, kw, oh, ow)`` into the padded inputs."""
        padded = F.pad(inputs, (self.padding[1], self.padding[1], self.padding[0], self.padding[0])).contiguous()
        n, channels, height, width = padded.shape
        (kh, kw), (dh, dw), (sh, sw) = self.kernel, self.dilation, self.stride
        oh, ow = (height - dh * (kh - 1) - 1) // sh + 1, (width - dw * (kw - 1) - 1) // sw + 1
        a, c, y, x = padded.stride()
        return padded.as_strided((n, channels, kh, kw, oh, ow), (a, c, y * dh, x * dw, y * sh, x * sw))

    def _by_position(self, tensor: Tensor, n: int, width: int) -> Tensor:
        """``(n * m, groups * width, positions)`` as ``(n, groups, m * positions, width)``."""
        several = tensor.reshape(n, -1, self.groups, width, tensor.shape[-1])
        if several.shape[1] == 1:
            return several[:, 0].transpose(-1, -2)
        return several.permute(0, 2, 1, 4, 3).reshape(n, self.groups, -1, width)


def _padded(module: Any, inputs: Tensor) -> tuple[Tensor, tuple[int, ...]]:
    """The inputs with everything padded that a plain convolution cannot pad, and the symmetric zero padding that is
    left for it."""
    if isinstance(module.padding, str):
        spread = [
            d * (k - 1) if module.padding == "same" else 0
            for d, k in zip(module.dilation, module.kernel_size, strict=True)
        ]
        sides = [(total // 2, total - total // 2) for total in spread]
    else:
        sides = [(int(width), int(width)) for width in module.padding]
    if module.padding_mode == "zeros" and all(low == high for low, high in sides):
        return inputs, tuple(low for low, _ in sides)
    flat = [width for side in reversed(sides) for width in side]
    mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
    return F.pad(inputs, flat, mode=mode), (0,) * len(sides)


def added(parts: list[Factor]) -> Factor | None:
    """The sum of several gradients of one parameter, without writing out what is not: positions side by side where all
    have some; None where that cannot be."""
    if len(parts) == 1:
        return parts[0]
    outers = [part for part in parts if isinstance(part, Outer)]
    if len(outers) == len(parts) and len({(part.sizes[0], part.turned) for part in outers}) == 1:
        left, right = (torch.cat([getattr(part, side) for part in outers], 2) for side in ("left", "right"))
        return Outer(left, right, parts[0].shape, turned=outers[0].turned)
    dense = [part.values for part in parts if isinstance(part, Dense)]
    return Dense(torch.stack(dense).sum(0), parts[0].shape) if len(dense) == len(parts) else None
