"""The curvature written out and factorised: exact, for small models."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.func import functional_call, grad, jvp, vmap

from attribution.errors import UserError
from attribution.gradients.capture import evaluation
from attribution.gradients.curvature.gauss_newton import TOGETHER, GaussNewton
from attribution.gradients.probe import covered_parameters

LARGEST = 5000  # parameters: a matrix of 200 MB in float64, factorised in seconds


def dense_inverse(curvature: GaussNewton, hessian: bool = False) -> Callable[[Tensor], Tensor]:
    """A function that maps ``v (m, P)`` to ``(C + damping I)^-1 v``, from one factorisation in float64.

    ``hessian`` takes the Hessian of the mean loss instead of G (same l2 and damping); it may be indefinite off a
    minimum. Cost: P^2 memory, P^3 time. ``UserError`` above 5,000 parameters.
    """
    if curvature.size > LARGEST:
        raise UserError(
            f"The model has {curvature.size:,} trainable parameters.",
            f"Its curvature would be a matrix of {8 * curvature.size**2 / 1e9:,.1f} GB; the exact inverse is for "
            f"at most {LARGEST:,}.",
            "Use influence-cg (exact to a tolerance) or ekfac (cheap, approximate).",
        )
    matrix = _hessian(curvature) if hessian else gauss_newton_matrix(curvature)
    matrix.diagonal().add_(curvature.shift)
    if hessian:
        factor, pivots = torch.linalg.lu_factor(matrix)
        return lambda v: torch.linalg.lu_solve(factor, pivots, v.double().T).T.to(v.dtype)
    triangle = torch.linalg.cholesky(matrix)
    return lambda v: torch.cholesky_solve(v.double().T, triangle).T.to(v.dtype)


def gauss_newton_matrix(curvature: GaussNewton) -> Tensor:
    """G written out ``(P, P)`` in float64."""
    if curvature.root is not None:
        rows = curvature.root.reshape(-1, curvature.size).double()
        return rows.T @ rows
    identity = torch.eye(curvature.size, dtype=curvature.layout.dtype, device=curvature.layout.device)
    return torch.cat([curvature.product(part) for part in identity.split(4 * TOGETHER)]).double()


def _hessian(curvature: GaussNewton) -> Tensor:
    """Hessian of the mean loss ``(P, P)`` in float64, column by column: forward-mode over reverse-mode."""
    model = curvature.engine.model
    loss = curvature.engine.loss
    layout = curvature.layout
    parameters = {name: value.detach() for name, value in covered_parameters(model).items()}
    identity = torch.eye(curvature.size, dtype=layout.dtype, device=layout.device)
    total = torch.zeros_like(identity)
    for x, y in curvature.samples():

        def slope(values: dict[str, Tensor], x: Tensor = x, y: Tensor = y) -> dict[str, Tensor]:
            return grad(lambda inner: loss(functional_call(model, inner, (x,)), y).sum())(values)

        def column(tangent: dict[str, Tensor], slope: Callable[..., dict[str, Tensor]] = slope) -> dict[str, Tensor]:
            return jvp(slope, (parameters,), (tangent,))[1]

        with evaluation(model), torch.no_grad():
            total += layout.join(vmap(column, chunk_size=TOGETHER)(layout.split(identity)))
        curvature.count(6 * len(x) * curvature.size)
    return (total / curvature.n).double()
