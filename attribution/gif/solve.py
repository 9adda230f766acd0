"""The four steps on chosen parameters, and the same four seen from a query, by conjugate gradients on products with the curvature."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from attribution.errors import UserError
from attribution.gradients.curvature.solvers import Solution

GIF, FIF, PIF, IF, IP = "gif", "fif", "pif", "if", "ip"
VARIANTS = (GIF, FIF, PIF, IF, IP)
POWER_STEPS = 10
Product = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # directions (a, P) of rows (a,) -> images (a, P), their u^T A u (a,)


class Damped(Protocol):
    """A symmetric positive definite matrix H known by its products; ``GaussNewton`` is one."""

    def damped(self, vectors: Tensor) -> Tensor:
        """H times each of ``vectors (m, P)``."""
        ...


def selected_step(
    curvature: Damped, g: Tensor, mask: Tensor, variant: str = GIF, tolerance: float = 1e-4, iterations: int = 100
) -> Solution:
    """The step ``(m, P)`` that answers each gradient of ``g (m, P)``, zero outside ``mask`` ``(P,)`` or ``(m, P)``.

    See the package for the variants; ``ip`` is the masked gradient itself, as long as minimises the quadratic along it. ``if`` ignores the
    mask. ``residuals`` are those of the linear system solved (for gif the normal equations). Cost: up to ``iterations`` products, twice as
    many for gif. The square of H that gif works with is scaled by its largest eigenvalue (power iteration), so that float32 can carry it;
    there is no other restart or search.
    """
    mask = mask.expand_as(g)
    if variant == IP:
        along = g * mask
        curved = (along * curvature.damped(along)).sum(1)
        length = along.square().sum(1) / curved.clamp_min(torch.finfo(g.dtype).tiny)
        return Solution(along * length[:, None], torch.zeros_like(length), 1)
    if variant == GIF:
        scale = largest_eigenvalue(curvature, g)
        found = _solve(_squared(curvature, mask, scale), curvature.damped(g) * mask / scale, tolerance, iterations)
        return Solution(found.x / scale, found.residuals, found.iterations)
    if variant == FIF:
        return _solve(_plain(curvature, mask), g * mask, tolerance, iterations)
    if variant in (PIF, IF):
        found = _solve(_plain(curvature, torch.ones_like(mask)), g, tolerance, iterations)
        return Solution(found.x * mask if variant == PIF else found.x, found.residuals, found.iterations)
    raise UserError(f"There is no variant {variant!r}.", "", f"Choose one of: {', '.join(VARIANTS)}.")


def query_direction(
    curvature: Damped, g: Tensor, mask: Tensor, variant: str = GIF, tolerance: float = 1e-4, iterations: int = 100
) -> Solution:
    """The vectors ``s (m, P)`` for which ``s^T g_i`` is the query's gradient ``g (m, P)`` against the ``selected_step`` of any g_i.

    One solve per query serves every training sample. gif: H_{:J} (H_{:J}^T H_{:J})^-1 g_J, the shortest s with (H s)_J = g_J; fif: H_JJ^-1 g_J;
    pif: H^-1 g_J; if: H^-1 g; ip: g_J.
    """
    mask = mask.expand_as(g)
    if variant == IP:
        return Solution(g * mask, torch.zeros(len(g), dtype=g.dtype, device=g.device), 0)
    if variant == GIF:
        scale = largest_eigenvalue(curvature, g)
        found = _solve(_squared(curvature, mask, scale), g * mask, tolerance, iterations)
        return Solution(curvature.damped(found.x) / scale**2, found.residuals, found.iterations)
    if variant == PIF:
        return _solve(_plain(curvature, torch.ones_like(mask)), g * mask, tolerance, iterations)
    return selected_step(curvature, g, mask, variant, tolerance, iterations)


def largest_eigenvalue(curvature: Damped, like: Tensor, seed: int = 0, steps: int = POWER_STEPS) -> float:
    """Largest eigenvalue of H, from below, by power iteration from a seeded start; only a scale is needed, so a few steps do."""
    start = torch.randn(1, like.shape[1], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    vector, value = start.to(like), 1.0
    for _ in range(steps):
        vector = curvature.damped(vector / vector.norm())
        value = float(vector.norm())
    return value


def _plain(curvature: Damped, mask: Tensor) -> Product:
    """H_JJ."""

    def product(along: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        image = curvature.damped(along) * mask[rows]
        return image, (along * image).sum(1)

    return product


def _squared(curvature: Damped, mask: Tensor, scale: float) -> Product:
    """H_{:J}^T H_{:J} / scale^2; its quadratic form as the square of a norm, so rounding cannot turn it negative."""

    def product(along: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        half = curvature.damped(along) / scale
        return curvature.damped(half) / scale * mask[rows], half.square().sum(1)

    return product


def _solve(product: Product, v: Tensor, tolerance: float, iterations: int) -> Solution:
    """Conjugate gradients for every row of ``v``; rows never see each other, and each stops by itself."""
    x, residual = torch.zeros_like(v), v.clone()
    direction, squared = residual.clone(), residual.square().sum(1)  # (m, P), (m,)
    goal, done = tolerance**2 * squared, 0
    while done < iterations and bool((active := squared > goal).any()):
        index = active.nonzero()[:, 0]
        along = direction[index]
        image, curved = product(along, index)
        step = (squared[index] / curved)[:, None]
        x[index] += step * along
        residual[index] -= step * image
        fresh = residual[index].square().sum(1)
        direction[index] = residual[index] + (fresh / squared[index])[:, None] * along
        squared[index] = fresh
        done += 1
    return Solution(x, (squared / v.square().sum(1).clamp_min(torch.finfo(v.dtype).tiny)).sqrt(), done)
