"""Newton's optimum and its Hessian against autograd, leave-one-out against another optimiser, and which models
qualify."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from torch.nn import functional as F
from training_data import table

from attribution.errors import UserError
from attribution.settings.configs import ModelConfig, TrainConfig
from attribution.studies.bench.leave_one_out import as_linear, inputs, leave_one_out
from attribution.tasks.classification import PLAIN
from attribution.training.linear import LinearFit
from attribution.training.train import train
from attribution.training.trained import TrainedModel

L2, CLASSES = 0.05, 3


@pytest.fixture
def problem():
    generator = torch.Generator().manual_seed(0)
    x = torch.cat([torch.randn(40, 3, generator=generator), torch.ones(40, 1)], 1).double()
    return x, torch.arange(40) % CLASSES


def objective(theta, x, y, weights):
    return (weights * F.cross_entropy(x @ theta.T, y, reduction="none")).sum() + L2 / 2 * theta.square().sum()


def test_newton_ends_where_autograd_s_gradient_vanishes(problem):
    x, y = problem
    weights = torch.full((40,), 1 / 40).double()
    theta = LinearFit(PLAIN, x, y, L2, CLASSES).newton(weights, torch.zeros(CLASSES, 4).double()).requires_grad_()
    (slope,) = torch.autograd.grad(objective(theta, x, y, weights), theta)
    assert float(slope.abs().max()) < 1e-10


def test_hessian_is_autograd_s(problem):
    x, y = problem
    weights = torch.rand(40, generator=torch.Generator().manual_seed(1)).double()
    theta = torch.randn(CLASSES, 4, generator=torch.Generator().manual_seed(2)).double()
    expected = torch.autograd.functional.hessian(lambda t: objective(t, x, y, weights), theta).reshape(12, 12)
    torch.testing.assert_close(LinearFit(PLAIN, x, y, L2, CLASSES).hessian(theta, weights), expected.double())


def test_leave_one_out_is_the_change_between_two_optima_found_another_way(problem):
    x, y = problem
    n, left_out = 30, [0, 7, 22]

    def optimum(weights):
        def value(flat):
            theta = torch.tensor(flat).reshape(CLASSES, 4).requires_grad_()
            total = objective(theta, x[:n], y[:n], weights)
            total.backward()
            return total.item(), theta.grad.numpy().ravel()

        found = minimize(value, np.zeros(CLASSES * 4), jac=True, method="BFGS", options={"gtol": 1e-10})
        return F.cross_entropy(x[n:] @ torch.tensor(found.x).reshape(CLASSES, 4).T, y[n:], reduction="none").numpy()

    even = torch.full((n,), 1 / n).double()
    expected = []
    for row in left_out:
        weights = even.clone()
        weights[row] = 0
        expected.append(optimum(weights) - optimum(even))
    truth = leave_one_out(LinearFit(PLAIN, x[:n], y[:n], L2, CLASSES), np.array(left_out), (x[n:], y[n:]))
    np.testing.assert_allclose(truth, expected, atol=1e-7)


def fitted(folder, name, **recipe):
    dataset = table(folder / "data")
    labels = dataset.base_version()
    settings = {"epochs": 2, "device": "cpu", **recipe}
    return TrainedModel(
        dataset,
        labels,
        train(dataset, labels, ModelConfig(name=name), TrainConfig(**settings), folder / "runs"),
        device="cpu",
    )


def test_a_linear_model_is_recognised_with_its_penalty(tmp_path):
    trained = fitted(tmp_path, "logistic", weight_decay=0.01)
    fit = as_linear(trained)
    x, y = fit.x, fit.y
    assert (x.shape, fit.l2, fit.c) == ((60, 5), 0.01, 3)
    weight, bias = trained.model().parameters()
    logits = x @ torch.cat([weight, bias[:, None]], 1).double().T
    torch.testing.assert_close(logits, trained.model()(trained.batch(trained.rows)[0]).double(), rtol=1e-5, atol=1e-5)
    assert torch.equal(y, inputs(trained, trained.rows)[1])


@pytest.mark.parametrize(
    ("name", "recipe"),
    [("mlp", {}), ("logistic", {"optimizer": "adamw", "lr": 0.01}), ("logistic", {"weight_decay": 0.0})],
)
def test_other_models_are_refused(tmp_path, name, recipe):
    with pytest.raises(UserError):
        as_linear(fitted(tmp_path, name, **recipe))
