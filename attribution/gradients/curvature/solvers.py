"""Iterative solvers of (C + damping I) x = v that need products only: conjugate gradients and the Neumann series (LiSSA)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attribution.gradients.curvature.gauss_newton import GaussNewton


@dataclass(frozen=True)
class Solution:
    """``x`` (m, P); ``residuals`` (m,) are |v - (C + damping I) x| / |v|; ``iterations`` is the largest number any column took."""

    x: Tensor
    residuals: Tensor
    iterations: int


def conjugate_gradients(curvature: GaussNewton, v: Tensor, tolerance: float = 1e-4, iterations: int = 100) -> Solution:
    """Solve for every row of ``v (m, P)``; each stops by itself once its relative residual is at most ``tolerance``.

    Cost: one product per unsolved row and iteration; on the order of sqrt(largest eigenvalue / damping) iterations. Rows never see each
    other. Source: Hestenes and Stiefel 1952; for influence Koh and Liang 2017, arXiv 1703.04730, sec. 3.
    """
    x, residual = torch.zeros_like(v), v.clone()
    direction, squared = residual.clone(), residual.square().sum(1)  # (m, P), (m,)
    goal = tolerance**2 * squared
    done = 0
    while done < iterations and bool((active := squared > goal).any()):
        index = active.nonzero()[:, 0]
        along = direction[index]
        image = curvature.damped(along)  # (a, P)
        step = (squared[index] / (along * image).sum(1))[:, None]
        x[index] += step * along
        residual[index] -= step * image
        fresh = residual[index].square().sum(1)
        direction[index] = residual[index] + (fresh / squared[index])[:, None] * along
        squared[index] = fresh
        done += 1
    return Solution(x, (squared / v.square().sum(1).clamp_min(torch.finfo(v.dtype).tiny)).sqrt(), done)


def neumann_series(curvature: GaussNewton, v: Tensor, seed: int, depth: int = 1000, batch: int = 256) -> Solution:
    """LiSSA: ``x <- x + (v - (C_B + damping I) x) / s`` over ``depth`` seeded batches B of ``batch`` samples (all of them if fewer).

    The scale s is the largest eigenvalue over the batches, by power iteration with a third to spare, plus l2 and damping, so it needs no
    tuning and cannot diverge. Directions whose eigenvalue is below about s / depth are not resolved: stopping early acts like more damping.
    With more than one batch the second half of the iterates is averaged, which takes out the noise of the batches. Cost: ``depth`` products
    with a batch. Source: Agarwal et al. 2017, arXiv 1602.03943; for influence Koh and Liang 2017, arXiv 1703.04730, sec. 3.
    """
    order = np.argsort(curvature.chance, kind="stable")
    parts: list[np.ndarray | None] = [None] if curvature.n <= batch else list(np.array_split(order, -(-curvature.n // batch)))
    largest = max(curvature.largest_eigenvalue(seed, part) for part in parts)
    scale = 4 / 3 * largest + curvature.shift
    x, mean, averaged = v / scale, torch.zeros_like(v), 0
    for step in range(depth):
        x = x + (v - curvature.product(x, parts[step % len(parts)]) - curvature.shift * x) / scale
        if len(parts) > 1 and step >= depth // 2:
            mean += x
            averaged += 1
    x = mean / averaged if averaged else x
    missing = (v - curvature.damped(x)).norm(dim=1) / v.norm(dim=1).clamp_min(torch.finfo(v.dtype).tiny)
    return Solution(x, missing, depth)
