"""Embeddings: a row's gradient is what came back where its id stood."""

import torch
from torch import nn

from attribution.gradients.factors import Dense, Factor, Rows
from attribution.gradients.layers import Call, handles


@handles(nn.Embedding)
def embedding(module: nn.Module, calls: list[Call], b: int) -> dict[str, Factor]:
    """A row's gradient is the sum of G over the places where its id stood; ``padding_idx`` gets none.

    A table that a sample's positions nearly fill (positions, characters) is written out, which is less than its
    activations.
    """
    assert isinstance(module, nn.Embedding)
    shape = (rows, width) = tuple(module.weight.shape)
    ids = torch.cat([call.inputs.reshape(b, -1) for call in calls], 1).long()
    gradients = torch.cat([call.gradient.reshape(b, -1, width) for call in calls], 1)
    if rows > 2 * ids.shape[1]:
        return {"weight": Rows.gather(ids, gradients, shape, module.padding_idx)}
    keys = torch.arange(b, device=ids.device)[:, None] * rows + ids
    summed = (
        gradients.new_zeros(b * rows, width).index_add_(0, keys.flatten(), gradients.flatten(0, 1)).view(b, rows, width)
    )
    if module.padding_idx is not None:
        summed[:, module.padding_idx] = 0
    return {"weight": Dense(summed.view(b, -1), shape)}
