"""The four steps on chosen parameters, and the same four seen from a query, by conjugate gradients on products with the
curvature."""

from typing import Protocol

import torch
from torch import Tensor

from attribution.errors import UserError
from attribution.gradients.curvature.solvers import Product, Solution, solve_rows

GIF = "gif"
FIF = "fif"
PIF = "pif"
IF = "if"
IP = "ip"
VARIANTS = (GIF, FIF, PIF, IF, IP)


class Damped(Protocol):
    """A symmetric positive definite matrix H known by its products; ``GaussNewton`` is one."""

    def damped(self, vectors: Tensor) -> Tensor:
        """H times each of ``vectors (m, P)``."""
        ...


def selected_step(
    curvature: Damped, g: Tensor, mask: Tensor, variant: str = GIF, tolerance: float = 1e-4, iterations: int = 100
) -> Solution:
    """The step ``(m, P)`` that answers each gradient of ``g (m, P)``, zero outside ``mask`` ``(P,)`` or ``(m, P)``.

    See the package for the variants; ``ip`` is the masked gradient itself, as long as minimises the quadratic along it.
    ``if`` ignores the mask. ``residuals`` are those of the linear system solved (for gif the normal equations). Cost:
    up to ``iterations`` products, twice as many for gif. The square of H is never formed: gif goes by conjugate
    gradients for least squares (CGLS), whose rounding errors grow with the condition of H, not with its square. Source:
    Hestenes and Stiefel 1952; Bjorck, Numerical Methods for Least Squares Problems, 7.4.
    """
    mask = mask.expand_as(g)
    if variant == IP:
        along = g * mask
        curved = (along * curvature.damped(along)).sum(1)
        length = along.square().sum(1) / curved.clamp_min(torch.finfo(g.dtype).tiny)
        return Solution(along * length[:, None], torch.zeros_like(length), 1)
    if variant == GIF:
        return _least_squares(curvature, g, mask, tolerance, iterations)
    if variant == FIF:
        return solve_rows(_plain(curvature, mask), g * mask, tolerance, iterations)
    if variant in (PIF, IF):
        found = solve_rows(_plain(curvature, torch.ones_like(mask)), g, tolerance, iterations)
        return Solution(found.x * mask if variant == PIF else found.x, found.residuals, found.iterations)
    raise UserError(f"There is no variant {variant!r}.", "", f"Choose one of: {', '.join(VARIANTS)}.")


def query_direction(
    curvature: Damped, g: Tensor, mask: Tensor, variant: str = GIF, tolerance: float = 1e-4, iterations: int = 100
) -> Solution:
    """The vectors ``s (m, P)`` for which ``s^T g_i`` is the query's gradient ``g (m, P)`` against the ``selected_step``
    of any g_i.

    One solve per query serves every training sample. gif: H_{:J} (H_{:J}^T H_{:J})^-1 g_J, the shortest s with (H s)_J
    = g_J; fif: H_JJ^-1 g_J; pif: H^-1 g_J; if: H^-1 g; ip: g_J.
    """
    mask = mask.expand_as(g)
    if variant == IP:
        return Solution(g * mask, torch.zeros(len(g), dtype=g.dtype, device=g.device), 0)
    if variant == GIF:
        return _shortest(curvature, g * mask, mask, tolerance, iterations)
    if variant == PIF:
        return solve_rows(_plain(curvature, torch.ones_like(mask)), g * mask, tolerance, iterations)
    return selected_step(curvature, g, mask, variant, tolerance, iterations)


def _plain(curvature: Damped, mask: Tensor) -> Product:
    """H_JJ."""
    return lambda along, rows: curvature.damped(along) * mask[rows]


def _least_squares(curvature: Damped, g: Tensor, mask: Tensor, tolerance: float, iterations: int) -> Solution:
    """The x (m, P), zero outside the mask, with the smallest |H x - g|: CGLS. Stops on the relative residual of the
    normal equations."""
    x = torch.zeros_like(g)
    residual = g.clone()
    inside = curvature.damped(g) * mask  # (m, P)
    direction = inside.clone()
    squared = _squared(inside)
    start = squared.clone()
    done = 0
    while done < iterations and bool((active := squared > tolerance**2 * start).any()):
        index = active.nonzero()[:, 0]
        image = curvature.damped(direction[index])  # (a, P)
        step = (squared[index] / _squared(image)).to(g)[:, None]
        x[index] += step * direction[index]
        residual[index] -= step * image
        inside = curvature.damped(residual[index]) * mask[index]
        fresh = _squared(inside)
        direction[index] = inside + (fresh / squared[index]).to(g)[:, None] * direction[index]
        squared[index] = fresh
        done += 1
    return Solution(x, _relative(squared, start).to(g), done)


def _shortest(curvature: Damped, g: Tensor, mask: Tensor, tolerance: float, iterations: int) -> Solution:
    """The shortest s (m, P) with (H s)_J = g, for g (m, P) zero outside the mask: conjugate gradients for the minimum
    norm (CGNE)."""
    x = torch.zeros_like(g)
    residual = g.clone()
    direction = g.clone()
    squared = _squared(g)
    start = squared.clone()
    done = 0
    while done < iterations and bool((active := squared > tolerance**2 * start).any()):
        index = active.nonzero()[:, 0]
        image = curvature.damped(direction[index])  # (a, P)
        step = (squared[index] / _squared(image)).to(g)[:, None]
        x[index] += step * image
        residual[index] -= step * curvature.damped(image) * mask[index]
        fresh = _squared(residual[index])
        direction[index] = residual[index] + (fresh / squared[index]).to(g)[:, None] * direction[index]
        squared[index] = fresh
        done += 1
    return Solution(x, _relative(squared, start).to(g), done)


def _squared(rows: Tensor) -> Tensor:
    """Squared norms (m,) of rows (m, P) in float64: those of a small curvature's images would underflow in float32."""
    return torch.linalg.vector_norm(rows, dim=1, dtype=torch.float64).square()


def _relative(squared: Tensor, start: Tensor) -> Tensor:
    return (squared / start.clamp_min(torch.finfo(torch.float64).tiny)).sqrt()
