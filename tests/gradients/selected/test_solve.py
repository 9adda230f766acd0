"""The steps on chosen parameters against dense least squares and dense inverses, and what each of them is best at."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import UserError
from attribution.gradients.curvature import GaussNewton
from attribution.gradients.curvature.dense import gauss_newton_matrix
from attribution.gradients.engine import GradientEngine
from attribution.gradients.selected import VARIANTS, query_direction, selected_step

TIGHT = {"tolerance": 1e-12, "iterations": 2000}


class Matrix:
    """A curvature that is written out."""

    def __init__(self, matrix):
        self.matrix = matrix

    def damped(self, vectors):
        return vectors @ self.matrix


def problem(seed, p=12, chosen=5, spread=2.0):
    """A random curvature, gradient and mask."""
    generator = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(p, p, generator=generator, dtype=torch.float64))
    values = 10 ** (spread * (torch.rand(p, generator=generator, dtype=torch.float64) - 0.5))
    mask = torch.zeros(p, dtype=torch.bool)
    mask[torch.randperm(p, generator=generator)[:chosen]] = True
    return (basis * values) @ basis.T, torch.randn(3, p, generator=generator, dtype=torch.float64), mask


def written_out(matrix, g, mask, variant):
    """The step ``(m, P)`` by dense linear algebra."""
    inside = torch.zeros_like(g)
    if variant == "gif":
        inside[:, mask] = torch.linalg.lstsq(matrix[:, mask], g.T).solution.T
    elif variant == "fif":
        inside[:, mask] = torch.linalg.solve(matrix[mask][:, mask], g[:, mask].T).T
    elif variant == "pif":
        inside = torch.linalg.solve(matrix, g.T).T * mask
    elif variant == "if":
        inside = torch.linalg.solve(matrix, g.T).T
    else:
        along = g * mask
        inside = along * (along.square().sum(1) / ((along @ matrix) * along).sum(1))[:, None]
    return inside


@pytest.fixture(scope="module")
def tiny():
    """The curvature of a small network in float64, and the same written out."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    x, y = torch.randn(40, 4, dtype=torch.float64), torch.randint(0, 3, (40,))
    curvature = GaussNewton(
        GradientEngine(model),
        lambda rows: (x[rows], y[rows]),
        40,
        lambda: np.linspace(0, 1, 40, endpoint=False),
        damping_ratio=0.1,
    )
    matrix = gauss_newton_matrix(curvature) + curvature.shift * torch.eye(curvature.size, dtype=torch.float64)
    mask = torch.zeros(curvature.size, dtype=torch.bool)
    mask[::4] = True
    return curvature, matrix, torch.randn(3, curvature.size, dtype=torch.float64), mask


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_s_steps_equal_dense_algebra(tiny, variant):
    curvature, matrix, g, mask = tiny
    found, expected = selected_step(curvature, g, mask, variant, **TIGHT), written_out(matrix, g, mask, variant)
    assert float((found.x - expected).norm() / expected.norm()) < 1e-6
    assert variant == "if" or not found.x[:, ~mask].any()


@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "ip"])
def test_a_query_sees_each_sample_s_step(tiny, variant):
    """s_q^T g_i = g_q^T step(g_i), for every pair: the step is linear in g_i and s_q is its transpose."""
    curvature, matrix, g, mask = tiny
    asked = torch.randn(4, curvature.size, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    expected = asked @ written_out(matrix, g, mask, variant).T  # (q, i)
    found = query_direction(curvature, asked, mask, variant, **TIGHT).x @ g.T
    assert float((found - expected).norm() / expected.norm()) < 1e-6


def test_each_row_may_have_its_own_mask(tiny):
    curvature, matrix, g, mask = tiny
    masks = torch.stack([mask, ~mask, mask])
    found = selected_step(curvature, g, masks, "gif", **TIGHT).x
    for row, own in enumerate(masks):
        expected = written_out(matrix, g[[row]], own, "gif")[0]
        assert float((found[row] - expected).norm() / expected.norm()) < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 11), st.floats(0, 4))
def test_gif_leaves_the_least_gradient_and_fif_the_lowest_loss(seed, chosen, spread):
    """On quadratics: |H d - g| is least for gif, d'Hd/2 - g'd for fif; the projection is never better at either."""
    matrix, g, mask = problem(seed, chosen=chosen, spread=spread)
    steps = {name: selected_step(Matrix(matrix), g, mask, name, **TIGHT).x for name in ("gif", "fif", "pif", "ip")}
    gradient = {name: (step @ matrix - g).norm(dim=1) for name, step in steps.items()}
    loss = {name: (step @ matrix * step).sum(1) / 2 - (step * g).sum(1) for name, step in steps.items()}
    slack = 1e-8 * g.norm(dim=1)
    for name in steps:
        assert (gradient["gif"] <= gradient[name] + slack).all(), name
        assert (loss["fif"] <= loss[name] + slack).all(), name
    assert (gradient["gif"] <= g.norm(dim=1) + slack).all()


def test_small_curvature_in_single_precision_does_not_underflow():
    """The square of a curvature of 1e-12 underflows in float32; scaled, the solution is found."""
    matrix, g, mask = problem(3)
    tiny_one = Matrix((1e-12 * matrix).float())
    found = selected_step(tiny_one, g.float(), mask, "gif", tolerance=1e-5, iterations=500).x
    expected = written_out(matrix, g, mask, "gif")
    assert float((found.double() * 1e-12 - expected).norm() / expected.norm()) < 1e-3


def test_an_unknown_variant_is_named():
    matrix, g, mask = problem(0)
    with pytest.raises(UserError, match="no variant 'newton'"):
        selected_step(Matrix(matrix), g, mask, "newton")
    with pytest.raises(UserError, match="no variant 'newton'"):
        query_direction(Matrix(matrix), g, mask, "newton")
