"""Pictures: the correlation of their pixels after the best small shift and mirroring, whatever the brightness."""

import re
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attribution.modalities.similarity.base import Criterion, Pairs, Similarity, register
from attribution.neighbors.exact import largest
from attribution.neighbors.one import cosines
from attribution.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

SHIFT = 2  # pixels each way
CELLS = 8  # the low-resolution picture has this many cells a side
HASH_SIDE = 8
FULL_SEARCH = 4e12  # multiplications; beyond, only the unshifted and the mirrored picture are searched
WHITE = 250  # from here a pixel may have been cut off by brightening: it says nothing about what was there


@register("image")
class ImageSimilarity(Similarity):
    """distance(i, q) = min over moves of sqrt(2 - 2 correlation(pixels of i, moved pixels of q)) on the part that both
    pictures show.

    A move is a shift by up to two pixels each way, mirrored or not. The correlation ignores brightness and contrast;
    pixels near white are left out, because brightening cuts them off. The search compares pictures of 8 by 8 cells
    under all 50 moves, then measures the best of them at full resolution.
    """

    title = "pixels, best aligned"
    summary = (
        "0 is the same picture up to a shift of two pixels, mirroring, brightness and contrast. Blind to "
        "crops, rotations and larger shifts."
    )
    formula = "min over moves m of √(2 − 2 corr(xᵢ, m(x_q)))"
    cost = (
        "One product of 64 numbers per pair of samples and move (50 moves), then two passes over the pixels of each "
        "candidate."
    )
    source = "Normalised cross-correlation; search over low-resolution pictures."
    measures: ClassVar[dict[str, Criterion]] = {
        "hash": Criterion(
            "perceptual hash, bits that differ",
            10,
            False,
            "Of 63 bits: signs of the low frequencies, after the same move.",
        ),
    }

    @cached_property
    def _moves(self) -> list[tuple[bool, int, int]]:
        reach = range(-SHIFT, SHIFT + 1)
        moves = [(mirrored, down, right) for mirrored in (False, True) for down in reach for right in reach]
        # The plainest first: it wins a tie.
        return sorted(moves, key=lambda move: (move[0], abs(move[1]) + abs(move[2])))

    def _pixels(self, rows: np.ndarray) -> "Tensor":
        """Grey pictures (b, H, W) float32, 0..255."""
        import torch

        return torch.from_numpy(np.asarray(self.dataset.inputs[rows], dtype=np.float32).mean(3))

    def _cells(self, rows: np.ndarray, moves: list[tuple[bool, int, int]]) -> "Tensor":
        """Low-resolution pictures (b, moves, cells) of the middle of each moved picture, as unit vectors around their
        mean."""
        import torch

        parts = []
        for start in range(0, len(rows), 2048):
            pixels = self._pixels(rows[start : start + 2048])
            height, width = pixels.shape[1:]
            margin = SHIFT if min(height, width) > 4 * SHIFT else 0
            cells = []
            for mirrored, down, right in moves:
                moved = pixels.flip(2) if mirrored else pixels
                top, left = (margin - down, margin - right) if margin else (0, 0)
                window = moved[:, None, top : top + height - 2 * margin, left : left + width - 2 * margin]
                side = min(CELLS, *window.shape[2:])
                cells.append(torch.nn.functional.adaptive_avg_pool2d(window, side).flatten(1))
            flat = torch.stack(cells, dim=1)  # (b, moves, cells)
            flat = flat - flat.mean(2, keepdim=True)
            parts.append(flat / flat.norm(dim=2, keepdim=True).clamp_min(1e-6))
        return torch.cat(parts)

    def closest(self, rows: np.ndarray, among: np.ndarray, k: int, progress: Progress | None = None) -> Pairs:
        import torch

        moves = self._moves
        if len(rows) * len(among) * len(moves) * CELLS**2 > FULL_SEARCH:
            moves = [move for move in moves if not move[1] and not move[2]]
        pool = self._cells(among, [(False, 0, 0)])[:, 0]  # (n, cells)
        place = np.full(len(self.dataset), -1, dtype=np.int64)
        place[among] = np.arange(len(among))
        k = min(k, len(among) - int((place[rows] >= 0).any()))
        found_left, found_right, found_move = [], [], []
        block = max(1, min(256, (64 << 20) // (4 * len(moves) * max(1, len(among)))))
        for start in range(0, len(rows) if k > 0 else 0, block):
            part = rows[start : start + block]
            cells = self._cells(part, moves)  # (b, moves, cells)
            similarity = (cells.flatten(0, 1) @ pool.T).view(len(part), len(moves), -1)
            best = similarity.amax(1)  # (b, n)
            own = np.flatnonzero(place[part] >= 0)
            best[torch.from_numpy(own), torch.from_numpy(place[part[own]])] = -torch.inf
            _, columns = largest(best, k)
            move = similarity.gather(2, columns[:, None, :].expand(-1, len(moves), -1)).argmax(1)  # (b, k)
            found_left.append(among[columns.numpy()].ravel())
            found_right.append(np.repeat(part, k))
            found_move.append(move.numpy().ravel())
            if progress is not None:
                progress.update(start, len(rows), f"comparing pictures, {start:,} of {len(rows):,}")
        if not found_left:
            return _pairs(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64), moves)
        left, right, chosen = np.concatenate(found_left), np.concatenate(found_right), np.concatenate(found_move)
        distance = self._distance(left, right, chosen, moves)
        plain = self._distance(left, right, np.zeros(len(left), dtype=np.int64), moves)
        better = plain <= distance
        return _pairs(left, right, np.where(better, plain, distance), np.where(better, 0, chosen), moves)

    def toward(self, row: int) -> np.ndarray:
        """The correlation of the pixels as they lie, or with the asked picture mirrored where that is more."""
        asked = np.asarray(self.dataset.inputs[row])  # (H, W, C)
        return cosines(self.dataset.inputs, np.stack([asked, asked[:, ::-1]]), centred=True).max(1)

    def compare(self, left: np.ndarray, right: np.ndarray) -> Pairs:
        moves = self._moves
        chosen = []
        for start in range(0, len(left), 1024):
            fixed = self._cells(left[start : start + 1024], [(False, 0, 0)])
            moved = self._cells(right[start : start + 1024], moves)
            chosen.append((moved * fixed).sum(2).argmax(1).numpy())
        move = np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)
        distance = self._distance(left, right, move, moves)
        plain = self._distance(left, right, np.zeros(len(left), dtype=np.int64), moves)
        better = plain <= distance
        return _pairs(left, right, np.where(better, plain, distance), np.where(better, 0, move), moves)

    def _distance(
        self, left: np.ndarray, right: np.ndarray, move: np.ndarray, moves: list[tuple[bool, int, int]]
    ) -> np.ndarray:
        """sqrt(2 - 2 correlation) (m,) of the left pictures with the right ones moved; 2 where one of them is flat and
        the other is not."""
        distance = np.zeros(len(left), dtype=np.float32)
        for number in np.unique(move):
            mine = np.flatnonzero(move == number)
            mirrored, down, across = moves[number]
            for start in range(0, len(mine), 2048):
                part = mine[start : start + 2048]
                a, b = self._pixels(left[part]), self._pixels(right[part])
                distance[part] = _apart(*_overlap(a, b.flip(2) if mirrored else b, down, across)).numpy()
        return distance

    def measured(self, left: np.ndarray, right: np.ndarray) -> dict[str, np.ndarray]:
        found = self.compare(left, right)
        names = [_words(move) for move in self._moves]
        move = np.array([names.index(change) for change in found.change], dtype=np.int64)
        bits = np.zeros(len(left))
        for number in np.unique(move):
            mirrored, down, across = self._moves[number]
            mine = np.flatnonzero(move == number)
            a, b = self._pixels(left[mine]), self._pixels(right[mine])
            first, second = _overlap(a, b.flip(2) if mirrored else b, down, across)
            bits[mine] = (perceptual_hash(first.numpy()) != perceptual_hash(second.numpy())).sum(1)
        return {"hash": bits}


def _overlap(a: Any, b: Any, down: int, across: int) -> tuple[Any, Any]:
    """Of tensors or arrays (m, H, W), the parts of ``a`` and of ``b`` moved by (down, across) that show the same
    place."""
    height, width = a.shape[1:]
    first = a[:, max(0, down) : height + min(0, down), max(0, across) : width + min(0, across)]
    second = b[:, max(0, -down) : height + min(0, -down), max(0, -across) : width + min(0, -across)]
    return first, second


def _apart(a: "Tensor", b: "Tensor") -> "Tensor":
    """sqrt(2 - 2 correlation) (m,) over the pixels that are near white in neither; two flat pictures are 0 apart when
    they are equal."""
    weight = ((a < WHITE) & (b < WHITE)).double()
    # Nearly all white: then everything counts.
    weight = weight + (weight.sum((1, 2), keepdim=True) < 0.1 * a[0].numel()).double()
    weight = weight.clamp_max(1.0)
    total = weight.sum((1, 2), keepdim=True)
    a = a.double()
    b = b.double()
    a = (a - (a * weight).sum((1, 2), keepdim=True) / total) * weight
    b = (b - (b * weight).sum((1, 2), keepdim=True) / total) * weight
    sizes = ((a**2).sum((1, 2)) * (b**2).sum((1, 2))).sqrt()
    correlation = (a * b).sum((1, 2)) / sizes.clamp_min(1e-12)
    same = ((a - b).abs().amax((1, 2)) < 1e-9).double()
    correlation = correlation * (sizes > 1e-9) + same * (sizes <= 1e-9)
    distance = (2 - 2 * correlation).clamp_min(0).sqrt()
    return (distance * (distance > 1e-6)).float()  # what rounding leaves of a perfect correlation


def perceptual_hash(pixels: np.ndarray) -> np.ndarray:
    """63 bits (m, 63) of pictures (m, H, W): which of the 8 by 8 lowest cosine frequencies, the mean left out, are
    above their median."""
    rows, columns = _cosines(pixels.shape[1]), _cosines(pixels.shape[2])
    low = np.einsum("uh,mhw,vw->muv", rows, pixels.astype(np.float64), columns).reshape(len(pixels), -1)[:, 1:]
    return low > np.median(low, axis=1, keepdims=True)


def _cosines(n: int) -> np.ndarray:
    """The first rows (8, n) of the discrete cosine transform."""
    return np.cos(np.pi / n * (np.arange(n)[None, :] + 0.5) * np.arange(HASH_SIDE)[:, None])


def _words(move: tuple[bool, int, int]) -> str:
    """What was done to the right picture: "mirrored, moved 2 down and 1 left"."""
    mirrored, down, right = move
    ways = [f"{abs(down)} {'down' if down > 0 else 'up'}"] * bool(down) + [
        f"{abs(right)} {'right' if right > 0 else 'left'}"
    ] * bool(right)
    return ", ".join(["mirrored"] * mirrored + ([f"moved {' and '.join(ways)}"] if ways else []))


def _pairs(
    left: np.ndarray, right: np.ndarray, distance: np.ndarray, move: np.ndarray, moves: list[tuple[bool, int, int]]
) -> Pairs:
    words = np.array([_words(one) for one in moves], dtype=object)
    return Pairs(left, right, distance.astype(np.float32), words[move] if len(move) else np.zeros(0, dtype=object))


def matched(a: np.ndarray, b: np.ndarray, change: str) -> tuple[np.ndarray, np.ndarray]:
    """The parts of pictures ``a`` and ``b`` (m, H, W) that show the same once ``change`` (as in ``Pairs``) is made to
    ``b``."""
    down = right = 0
    for pixels, way in re.findall(r"(\d+) (down|up|left|right)", change):
        step = int(pixels) if way in ("down", "right") else -int(pixels)
        down, right = (step, right) if way in ("down", "up") else (down, step)
    return _overlap(a, b[:, :, ::-1] if "mirrored" in change else b, down, right)
