"""Embeddings: a row's gradient is what came back where its id stood."""

import torch
from torch import Tensor, nn

from attribution.gradients.factors import Dense, Factor, Rows
from attribution.gradients.layers import Call, handles


@handles(nn.Embedding)
def embedding(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """A row's gradient is the sum of G over the places where its id stood; ``padding_idx`` gets none."""
    assert isinstance(module, nn.Embedding)
    shape = tuple(module.weight.shape)
    ids = torch.cat([call.inputs.reshape(b, -1) for call in calls], 1).long()
    gradients = torch.cat([call.gradient.reshape(b, -1, shape[1]) for call in calls], 1)
    return {"weight": looked_up(ids, gradients, shape, module.padding_idx)}


def looked_up(ids: Tensor, gradients: Tensor, shape: tuple[int, ...], padding: int | None) -> Factor:
    """Gradients of a table of this shape from those of its rows ``(b, t, d)`` at the places of ids ``(b, t)``.

    A table that a sample's positions nearly fill (positions, characters) is written out, which is less than its
    activations.
    """
    rows, width = shape
    b = len(ids)
    if rows > 2 * ids.shape[1]:
        return Rows.gather(ids, gradients, shape, padding)
    keys = torch.arange(b, device=ids.device)[:, None] * rows + ids
    summed = (
        gradients.new_zeros(b * rows, width).index_add_(0, keys.flatten(), gradients.flatten(0, 1)).view(b, rows, width)
    )
    if padding is not None:
        summed[:, padding] = 0
    return Dense(summed.view(b, -1), shape)
