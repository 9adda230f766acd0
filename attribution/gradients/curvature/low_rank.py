"""Low-rank forms of the Gauss-Newton matrix and their inverses: Lanczos (Arnoldi) and Nystroem."""

from dataclasses import dataclass

import torch
from torch import Tensor

from attribution.gradients.curvature.gauss_newton import GaussNewton


@dataclass(frozen=True)
class LowRank:
    """G is about ``vectors^T diag(values) vectors``: orthonormal rows ``(r, P)``, eigenvalues ``(r,)`` largest first,
    both float64."""

    vectors: Tensor
    values: Tensor

    def solve(self, v: Tensor, shift: float, rest: bool = True) -> Tensor:
        """``(G + shift I)^-1 v`` for ``v (m, P)``. ``rest``: directions outside the basis count as flat (eigenvalue 0,
        so 1 / shift); otherwise they are dropped, as Schioppa et al. do."""
        inside = v.double() @ self.vectors.T  # (m, r)
        gain = 1 / (self.values + shift)  # (r,)
        if not rest:
            return ((inside * gain) @ self.vectors).to(v.dtype)
        return ((inside * (gain - 1 / shift)) @ self.vectors).add_(v, alpha=1 / shift).to(v.dtype)


def lanczos(curvature: GaussNewton, rank: int, seed: int) -> LowRank:
    """Ritz pairs of G after ``rank`` steps from a seeded random start; what Arnoldi iteration is for a symmetric
    matrix.

    Every step is orthogonalised twice against all earlier ones. Stops early when the space is exhausted. Cost: ``rank``
    products one after the other, rank * P numbers in float64. Source: Schioppa et al. 2022, arXiv 2112.03052.
    """
    rank = min(rank, curvature.size)
    start = curvature.random(1, seed)[0].double()
    basis = [start / start.norm()]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    for step in range(rank):
        image = curvature.product(basis[-1][None].to(curvature.layout.dtype))[0].double()
        diagonal.append(basis[-1] @ image)
        known = torch.stack(basis)  # (step + 1, P)
        for _ in range(2):
            image -= (known @ image) @ known
        length = image.norm()
        scale = max(float(value.abs()) for value in (*diagonal, *beside))
        if step == rank - 1 or float(length) <= 100 * torch.finfo(curvature.layout.dtype).eps * scale:
            break
        beside.append(length)
        basis.append(image / length)
    line = torch.stack(diagonal)
    side = torch.stack(beside) if beside else line.new_zeros(0)
    values, rotation = torch.linalg.eigh(torch.diag(line) + torch.diag(side, 1) + torch.diag(side, -1))
    vectors = rotation.T @ torch.stack(basis[: len(line)])
    return LowRank(vectors.flip(0), values.flip(0).clamp_min(0))


def nystroem(curvature: GaussNewton, rank: int, seed: int) -> LowRank:
    """Nystroem approximation of G from products with ``rank`` random directions, all at once.

    It never overestimates G, and keeps the small eigenvalues that a truncated eigenbasis of the same rank loses. Cost:
    one pass of products over the training set, rank * P numbers. Source: Frangella, Tropp and Udell 2023, arXiv
    2110.02820, algorithm 2.1; its use for influence as in Hataya and Yamada 2023, arXiv 2302.09726.
    """
    rank = min(rank, curvature.size)
    test = curvature.random(rank, seed) / curvature.size**0.5  # (r, P)
    if curvature.size < 4 * rank:  # else random directions are all but orthogonal
        test = torch.linalg.qr(test.T)[0].T
    image = curvature.product(test).double()
    test = test.double()
    # Keeps the factor positive.
    nudge = torch.finfo(curvature.layout.dtype).eps * image.norm().clamp_min(torch.finfo(torch.float64).tiny)
    image.add_(test, alpha=float(nudge))
    core = image @ test.T
    triangle, failed = torch.linalg.cholesky_ex((core + core.T) / 2)
    while int(failed):  # rounding of the products made it indefinite by a hair
        core.addmm_(test, test.T, alpha=float(nudge))
        image.add_(test, alpha=float(nudge))
        nudge = 2 * nudge
        triangle, failed = torch.linalg.cholesky_ex((core + core.T) / 2)
    half = torch.linalg.solve_triangular(triangle, image, upper=False)  # (r, P), G + nudge I is about half^T half
    del image, test  # of the size of r models each
    squares, rotation = torch.linalg.eigh(half @ half.T)
    squares = squares.flip(0)
    rotation = rotation.flip(1)
    kept = squares > rank * torch.finfo(torch.float64).eps * squares[0]
    vectors = (rotation[:, kept] / squares[kept].sqrt()).T @ half
    return LowRank(vectors, (squares[kept] - nudge).clamp_min(0))
