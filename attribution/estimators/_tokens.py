"""The same dot products before the tokens of a row are added up: which of them pulled."""

from typing import TYPE_CHECKING

from attribution.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from attribution.gradients.queries import QueryGradients
    from attribution.training.trained import TrainedModel


def token_dots(trained: "TrainedModel", row: int, queries: "QueryGradients", checkpoint: int = -1) -> "Tensor":
    """Dot products of the gradient of what each token adds to the row's loss with the queries' ``(T, q)``; they add up
    to the row's, tokens that are not trained add nothing.

    Cost: one forward pass, and a backward pass for each trained token. ``UserError`` for a task whose loss has no
    parts.
    """
    import torch

    from attribution.gradients.capture import evaluation
    from attribution.gradients.probe import covered_parameters

    model = trained.model(checkpoint)
    x, y = trained.batch([row])
    parameters = covered_parameters(model)
    with evaluation(model):
        parts = trained.task.parts(model(x), y)
        if parts is None:
            raise _no_parts(trained)
        found = torch.zeros(parts.shape[1], len(queries), dtype=parts.dtype, device=parts.device)
        for token in torch.nonzero(parts[0])[:, 0].tolist():
            slopes = torch.autograd.grad(
                parts[0, token], list(parameters.values()), retain_graph=True, allow_unused=True
            )
            for name, slope in zip(parameters, slopes, strict=True):
                if slope is not None and name in queries.parts:
                    found[token] += queries.parts[name].dense() @ slope.flatten()
        trained.count(1 + 2 * len(torch.nonzero(parts)))
    return found.detach()


def _no_parts(trained: "TrainedModel") -> UserError:
    return UserError(
        f"The loss of {trained.task.title.lower()} has no parts.",
        "Influence by token splits a row's loss into what each of its tokens adds.",
        "Look at whole samples.",
    )
