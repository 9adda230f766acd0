"""Iterative solvers of (C + damping I) x = v that need products only: conjugate gradients and the Neumann series
(LiSSA)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attribution.gradients.curvature.gauss_newton import GaussNewton

Product = Callable[[Tensor, Tensor], Tensor]  # directions (a, P) of the rows (a,) -> their images (a, P)
Inverse = Callable[[Tensor], Tensor]  # residuals (a, P) -> about what solves for them (a, P)


@dataclass(frozen=True)
class Solution:
    """``x`` (m, P); ``residuals`` (m,) are |v - (C + damping I) x| / |v|; ``iterations`` is the largest number any
    column took."""

    x: Tensor
    residuals: Tensor
    iterations: int


def conjugate_gradients(
    curvature: GaussNewton,
    v: Tensor,
    tolerance: float = 1e-4,
    iterations: int = 100,
    near: Inverse | None = None,
) -> Solution:
    """Solve for every row of ``v (m, P)``; each stops by itself once its relative residual is at most ``tolerance``.

    ``near``: an inverse close to the wanted one, symmetric and positive definite, that shortens the way. Cost: one
    product per unsolved row and iteration; on the order of sqrt(largest eigenvalue / damping) iterations. Rows never
    see each other. Source: Hestenes and Stiefel 1952; for influence Koh and Liang 2017, arXiv 1703.04730, sec. 3.
    """
    return solve_rows(lambda along, _: curvature.damped(along), v, tolerance, iterations, near)


def solve_rows(product: Product, v: Tensor, tolerance: float, iterations: int, near: Inverse | None = None) -> Solution:
    """Conjugate gradients for every row of ``v (m, P)``, each with a positive definite matrix of its own."""
    turn = near or (lambda rows: rows)
    x = torch.zeros_like(v)
    residual = v.clone()
    direction = turn(residual).clone()  # (m, P)
    meeting = (residual * direction).sum(1)  # (m,) of the residual with itself, as the near inverse sees it
    squared = residual.square().sum(1)  # (m,)
    goal = tolerance**2 * squared
    done = 0
    while done < iterations and bool((active := squared > goal).any()):
        index = active.nonzero()[:, 0]
        along = direction[index]
        image = product(along, index)  # (a, P)
        step = (meeting[index] / (along * image).sum(1))[:, None]
        x[index] += step * along
        residual[index] -= step * image
        turned = turn(residual[index])
        fresh = (residual[index] * turned).sum(1)
        direction[index] = turned + (fresh / meeting[index])[:, None] * along
        meeting[index] = fresh
        squared[index] = residual[index].square().sum(1)
        done += 1
    return Solution(x, (squared / v.square().sum(1).clamp_min(torch.finfo(v.dtype).tiny)).sqrt(), done)


def shifted_conjugate_gradients(
    curvature: GaussNewton, v: Tensor, shifts: Sequence[float], tolerance: float = 1e-3, iterations: int = 60
) -> tuple[Tensor, Tensor]:
    """Solve ``(G + shift I) x = v`` for one ``v (P,)`` and every shift at once: ``x (s, P)`` and relative residuals
    ``(s,)``.

    All shifts share one Krylov space, so the products of the smallest shift, the slowest to converge, serve them all:
    each solution is what conjugate gradients alone would have reached after as many iterations. Stops when every
    residual is at most ``tolerance``. Memory: 2 s + 4 vectors. Source: Jegerlehner 1996, arXiv hep-lat/9612014.
    """
    base = min(shifts)
    apart = torch.tensor([shift - base for shift in shifts], dtype=torch.float64)  # (s,)
    x = v.new_zeros(len(shifts), len(v))
    residual = v.clone()
    direction = v.clone()
    along = v.repeat(len(shifts), 1)
    squared = float(residual.double().square().sum())
    start = max(squared, torch.finfo(torch.float64).tiny) ** 0.5
    # The residual of each shift is ``scale`` times the base's.
    before, scale = torch.ones_like(apart), torch.ones_like(apart)
    step_before, ratio_before = 1.0, 0.0
    reached = scale.clone()
    for _ in range(iterations):
        reached = torch.where(reached > tolerance, scale * squared**0.5 / start, reached)
        left = (reached > tolerance).nonzero()[:, 0]  # a shift that is solved is left alone: its scale would underflow
        if not len(left):
            break
        image = curvature.product(direction[None])[0] + base * direction
        step = squared / float((direction.double() * image.double()).sum())
        now, last = scale[left], before[left]
        below = step * ratio_before * (last - now) + last * step_before * (1 + step * apart[left])
        after = now * last * step_before / below
        x[left] += (step * after / now)[:, None].to(x) * along[left]
        residual = residual - step * image
        fresh = float(residual.double().square().sum())
        ratio = fresh / squared
        along[left] = after[:, None].to(x) * residual + (ratio * (after / now).square())[:, None].to(x) * along[left]
        direction = residual + ratio * direction
        before[left], scale[left] = now, after
        step_before, ratio_before, squared = step, ratio, fresh
    return x, torch.where(reached > tolerance, scale * squared**0.5 / start, reached)


def neumann_series(curvature: GaussNewton, v: Tensor, seed: int, depth: int = 1000, batch: int = 256) -> Solution:
    """LiSSA: ``x <- x + (v - (C_B + damping I) x) / s`` over ``depth`` seeded batches B of ``batch`` samples (all of
    them if fewer).

    The scale s is the largest eigenvalue over the batches, by Lanczos' recurrence with a third to spare, plus l2 and
    damping, so it needs no tuning and cannot diverge. Directions whose eigenvalue is below about s / depth are not
    resolved: stopping early acts like more damping. With more than one batch the second half of the iterates is
    averaged, which takes out the noise of the batches. Cost: ``depth`` products with a batch. Source: Agarwal et al.
    2017, arXiv 1602.03943; for influence Koh and Liang 2017, arXiv 1703.04730, sec. 3.
    """
    order = np.argsort(curvature.chance, kind="stable")
    parts: list[np.ndarray | None] = (
        [None] if curvature.n <= batch else list(np.array_split(order, -(-curvature.n // batch)))
    )
    largest = max(curvature.largest_eigenvalue(seed, part) for part in parts)
    scale = 4 / 3 * largest + curvature.shift
    x = v / scale
    mean = torch.zeros_like(v)
    averaged = 0
    for step in range(depth):
        x = x + (v - curvature.product(x, parts[step % len(parts)]) - curvature.shift * x) / scale
        if len(parts) > 1 and step >= depth // 2:
            mean += x
            averaged += 1
    x = mean / averaged if averaged else x
    missing = (v - curvature.damped(x)).norm(dim=1) / v.norm(dim=1).clamp_min(torch.finfo(v.dtype).tiny)
    return Solution(x, missing, depth)
