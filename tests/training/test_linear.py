"""A linear layer's optimum and its second derivative against autograd, for every task; leave-one-out in closed form."""

import numpy as np
import pytest
import torch

from attribution.errors import UserError
from attribution.tasks.binary import Binary
from attribution.tasks.classification import Classification, ClassificationSettings
from attribution.tasks.multilabel import MultiLabel
from attribution.tasks.regression import Regression, RegressionSettings
from attribution.training.linear import LinearFit

N, L2 = 40, 0.05
NAMES = tuple("abc")


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


X = torch.cat([numbers(N, 3), torch.ones(N, 1, dtype=torch.float64)], 1)
SCORE = X @ numbers(4, 3) + 0.5 * numbers(N, 3)
FITS = {
    "classification": LinearFit(Classification(NAMES), X, SCORE.argmax(1), L2, 3),
    "weighted": LinearFit(
        Classification(NAMES, ClassificationSettings(class_weights=(0.5, 1.0, 3.0))), X, SCORE.argmax(1), L2, 3
    ),
    "binary": LinearFit(Binary(NAMES[:2]), X, (SCORE[:, 0] > 0).long(), L2, 1),
    "multilabel": LinearFit(MultiLabel(NAMES), X, (SCORE > 0).double(), L2, 3),
    "regression": LinearFit(Regression(), X, SCORE[:, 0], L2, 1),
    "huber": LinearFit(Regression((), RegressionSettings(loss="huber", delta=0.4)), X, SCORE[:, 0], L2, 1),
}


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_the_optimum_has_no_slope_and_the_curvature_is_autograds(fit):
    def objective(flat: torch.Tensor) -> torch.Tensor:
        weights = flat.reshape(fit.optimum.shape)
        return fit.task.loss(fit.x @ weights.T, fit.y) @ fit.even + L2 / 2 * flat.square().sum()

    leaf = fit.optimum.flatten().requires_grad_()
    (slope,) = torch.autograd.grad(objective(leaf), leaf)
    assert float(slope.abs().max()) < 1e-10
    wanted = torch.autograd.functional.hessian(objective, fit.optimum.flatten())
    torch.testing.assert_close(fit.hessian(fit.optimum, fit.even), wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("fit", FITS.values(), ids=FITS)
def test_without_each_sample_it_is_where_newton_ends_without_it(fit):
    positions = torch.tensor([0, 7, 22])
    found = fit.without(positions)
    for place, position in enumerate(positions):
        shares = fit.even.clone()
        shares[position] = 0
        torch.testing.assert_close(found[place], fit.newton(shares, fit.optimum), rtol=1e-6, atol=1e-8)


def test_for_the_squared_loss_it_is_ridge_regression_in_closed_form():
    fit = FITS["regression"]
    x, y = X.numpy(), SCORE[:, 0].numpy()

    def ridge(kept: np.ndarray) -> np.ndarray:
        a, b = x[kept], y[kept]
        return np.linalg.solve(2 * a.T @ a / N + L2 * np.eye(4), 2 * a.T @ b / N)

    np.testing.assert_allclose(fit.optimum[0].numpy(), ridge(np.arange(N)), rtol=1e-9)
    left = fit.without(torch.tensor([5]))
    np.testing.assert_allclose(left[0, 0].numpy(), ridge(np.delete(np.arange(N), 5)), rtol=1e-6)
    rise = fit.losses(left, X[:2], SCORE[:2, 0]) - fit.losses(fit.optimum[None], X[:2], SCORE[:2, 0])
    expected = (x[:2] @ ridge(np.delete(np.arange(N), 5)) - y[:2]) ** 2 - (x[:2] @ ridge(np.arange(N)) - y[:2]) ** 2
    np.testing.assert_allclose(rise[0].numpy(), expected, rtol=1e-5)


def test_a_loss_that_is_not_convex_has_no_optimum_here():
    task = Classification(NAMES, ClassificationSettings(focal_gamma=2.0))
    with pytest.raises(UserError, match="not convex"):
        LinearFit(task, X, SCORE.argmax(1), L2, 3).newton(torch.full((N,), 1 / N).double(), torch.zeros(3, 4).double())
