"""k-means, which cuts a table into cells: by distance, or by direction alone."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ROUNDS = 8
SMALLEST = 1e-9  # shorter than that is no direction; a cell of no points has no mean


def means(points: "Tensor", m: int, per_cell: int, seed: int, directions: bool = False) -> "Tensor":
    """``m`` means (m, d) of points (n, d), looking at ``per_cell * m`` of them drawn by ``seed``; an empty cell keeps
    its centre. ``directions``: points have length 1, nearness is the cosine, and so have the means."""
    import torch

    chance = torch.Generator().manual_seed(seed)
    some = points[torch.randperm(len(points), generator=chance)[: per_cell * m].to(points.device)]
    centres = some[:m].clone()
    for _ in range(ROUNDS):
        far = (-part @ centres.T if directions else squared_distances(part, centres) for part in some.split(8192))
        home = torch.cat([part.argmin(1) for part in far])
        sums = torch.zeros_like(centres).index_add_(0, home, some)
        counts = torch.bincount(home, minlength=m)[:, None].to(sums)
        size = sums.norm(dim=1, keepdim=True) if directions else counts
        centres = torch.where(size > SMALLEST, sums / size.clamp_min(SMALLEST), centres)
    return centres


def squared_distances(rows: "Tensor", centres: "Tensor") -> "Tensor":
    """Squared distances (b, m), below 0 by rounding at most."""
    import torch

    return torch.addmm((centres**2).sum(1), rows, centres.T, alpha=-2.0) + (rows**2).sum(1, keepdim=True)
