"""The curvature of every task against J^T H J written out with plain autograd in float64."""

import numpy as np
import pytest
import torch
from torch import nn

from attribution.errors import UserError
from attribution.gradients.curvature import (
    GaussNewton,
    conjugate_gradients,
    datainf,
    dense_inverse,
    kronecker_factors,
    nystroem,
)
from attribution.gradients.engine import GradientEngine
from attribution.tasks.binary import Binary
from attribution.tasks.classification import PLAIN, Classification, ClassificationSettings
from attribution.tasks.multilabel import MultiLabel
from attribution.tasks.regression import Regression, RegressionSettings

N = 12
NAMES = tuple("abc")


class Flat(nn.Module):
    """Returns one number per sample, (b,)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.body(x)[:, 0]


def network(outputs: int) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs)).double()


def numbers(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


WIDE = tuple(f"label {k}" for k in range(40))
WEIGHTED = ClassificationSettings(class_weights=(0.5, 1.0, 3.0), label_smoothing=0.1)
HUBER = RegressionSettings(loss="huber", delta=0.5)
ANY = (numbers(N, 3) > 0).double()
CASES = {
    "classification": (PLAIN, network(3), torch.arange(N) % 3),
    "weighted": (Classification(NAMES, WEIGHTED), network(3), torch.arange(N) % 3),
    "binary": (Binary(NAMES[:2]), network(1), torch.arange(N) % 2),
    "multilabel": (MultiLabel(NAMES), network(3), ANY),
    "multilabel, 40": (MultiLabel(WIDE), network(40), (numbers(N, 40) > 1).double()),
    "regression (b, 1)": (Regression(), network(1), numbers(N)),
    "regression (b,)": (Regression(), Flat(network(1)), numbers(N)),
    "regression, three numbers": (Regression(), network(3), numbers(N, 3)),
    "regression, 40 numbers": (Regression(), network(40), numbers(N, 40)),
    "huber": (Regression((), HUBER), network(1), numbers(N)),
    "huber, three numbers": (Regression((), HUBER), network(3), numbers(N, 3)),
}
every = pytest.mark.parametrize("name", CASES)


def curvature(name: str, **settings) -> GaussNewton:
    task, model, y = CASES[name]
    x = numbers(N, 4, seed=1)
    chance = np.random.default_rng(0).random(N)
    return GaussNewton(
        GradientEngine(model, task.loss),
        lambda at: (x[at], y[at]),
        N,
        lambda: chance,
        task=task,
        **{"l2": 0.01, "batch_size": 5, **settings},
    )


def written_out(name: str) -> torch.Tensor:
    """(1 / n) sum_i J_i^T H_i J_i, ``(P, P)``."""
    task, model, y = CASES[name]
    total = 0.0
    for x, target in zip(numbers(N, 4, seed=1), y, strict=True):
        output = model(x[None])
        slopes = [torch.autograd.grad(value, list(model.parameters()), retain_graph=True) for value in output.flatten()]
        jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in slopes])  # (c, P)
        bent = torch.autograd.functional.hessian(
            lambda flat, t=target, like=output: task.loss(flat.reshape(like.shape), t[None]).sum(),
            output.detach().flatten(),
        )
        total = total + jacobian.T @ bent @ jacobian / N
    return total.detach()


@every
@pytest.mark.parametrize("keep_bytes", [0, 1 << 24])
def test_products_and_inverses(name, keep_bytes):
    found, wanted = curvature(name, keep_bytes=keep_bytes), written_out(name)
    for count in (1, 9):  # streamed, and by rows
        v = found.random(count, 0)
        torch.testing.assert_close(found.product(v), v @ wanted, rtol=1e-9, atol=1e-11)
    v = found.random(2, 1)
    if name in ("multilabel, 40", "regression, 40 numbers"):
        found.keep_trace(float(wanted.trace()))  # drawn above 32 outputs
    assert found.trace == pytest.approx(float(wanted.trace()), rel=1e-9)
    solved = torch.linalg.solve(wanted + found.shift * torch.eye(found.size, dtype=torch.float64), v.T).T
    torch.testing.assert_close(dense_inverse(found)(v), solved, rtol=1e-8, atol=1e-10)
    torch.testing.assert_close(conjugate_gradients(found, v, 1e-8, 400).x, solved, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(nystroem(found, found.size, 0).solve(v, found.shift), solved, rtol=1e-4, atol=1e-6)
    assert found.empirical == ""


@pytest.mark.parametrize("name", ["multilabel, 40", "regression, 40 numbers"])
def test_above_32_outputs_a_column_is_drawn_whose_trace_is_right_in_the_mean(name):
    wanted = float(written_out(name).trace())
    task, model, y = CASES[name]
    x = numbers(N, 4, seed=1)
    many = np.tile(np.arange(N), 200)
    found = GaussNewton(
        GradientEngine(model, task.loss),
        lambda at: (x[many[at]], y[many[at]]),
        len(many),
        lambda: np.random.default_rng(0).random(len(many)),
        task=task,
    )
    assert found.by_chance
    assert found.trace == pytest.approx(wanted, rel=0.03)


@every
def test_eigenvalue_corrected_factors_keep_the_trace_of_what_they_were_made_from(name):
    found = curvature(name)
    factors = kronecker_factors(found, corrected=True)
    again = curvature(name, keep_bytes=0)
    assert found.trace == pytest.approx(again.trace, rel=1e-9)
    v = found.random(2, 1)
    assert float((factors.solve(v) * v).sum()) > 0


@every
def test_datainf_is_exact_for_one_sample_of_rank_one(name):
    """One sample whose outputs bend in one direction, parameter by parameter: the swap of mean and inverse loses
    nothing."""
    task, model, y = CASES[name]
    x = numbers(N, 4, seed=1)
    settings = {"l2": 0.3, "damping_ratio": 0.0}
    one = GaussNewton(
        GradientEngine(model, task.loss), lambda at: (x[at], y[at]), 1, lambda: np.full(1, 0.5), task=task, **settings
    )
    v = one.random(2, 2)
    expected = torch.zeros_like(v)
    start = 0
    output = model(x[:1])
    columns, weights = task.spread(output.detach(), y[:1])
    for parameter in model.parameters():
        span = slice(start, start + parameter.numel())
        start += parameter.numel()
        for column, weight in zip(columns, weights, strict=True):
            (g,) = torch.autograd.grad((output * column).sum(), parameter, retain_graph=True)
            inverse = torch.linalg.inv(
                0.3 * torch.eye(g.numel(), dtype=g.dtype) + torch.outer(g.flatten(), g.flatten())
            )
            expected[:, span] += weight * v[:, span] @ inverse
    if one.width <= 32:
        torch.testing.assert_close(datainf(one, v), expected, rtol=1e-9, atol=1e-10)
    assert torch.isfinite(datainf(one, v)).all()


def test_without_a_root_the_empirical_fisher_stands_in_and_says_so():
    task = Classification(NAMES, ClassificationSettings(focal_gamma=2.0))
    model, x, y = network(3), numbers(N, 4, seed=1), torch.arange(N) % 3
    engine = GradientEngine(model, task.loss)
    for keep_bytes in (0, 1 << 20):
        found = GaussNewton(
            engine, lambda at: (x[at], y[at]), N, lambda: np.full(N, 0.5), task=task, keep_bytes=keep_bytes
        )
        gradients = torch.cat([part.flatten(1) for part in engine.gradients(x, y).values()], 1)
        wanted = gradients.T @ gradients / N
        v = found.random(2, 0)
        torch.testing.assert_close(found.product(v), v @ wanted, rtol=1e-9, atol=1e-12)
        assert found.trace == pytest.approx(float(wanted.trace()))
        assert "not convex" in found.empirical
        assert torch.isfinite(kronecker_factors(found, corrected=True).solve(v)).all()
        assert torch.isfinite(datainf(found, v)).all()


@pytest.mark.parametrize(
    ("task", "loss", "outputs", "y", "words"),
    [
        (Regression(), lambda z, y: (z[:, 0] - y).abs(), 1, numbers(N), "squared or the Huber"),
        (Regression(), Regression((), HUBER).loss, 1, numbers(N), "squared or the Huber"),
        (Regression(), Regression().loss, 3, numbers(N), "3 numbers per sample for 1"),
        (Binary(), Binary().loss, 2, torch.arange(N) % 2, "2 numbers per sample"),
        (MultiLabel(NAMES), PLAIN.loss, 3, ANY, "summed over the labels"),
        (PLAIN, PLAIN.loss, 1, torch.zeros(N, dtype=torch.int64), "one number per sample"),
    ],
)
def test_a_loss_or_a_model_that_is_not_the_tasks_is_refused(task, loss, outputs, y, words):
    x = numbers(N, 4, seed=1)
    found = GaussNewton(
        GradientEngine(network(outputs), loss), lambda at: (x[at], y[at]), N, lambda: np.full(N, 0.5), task=task
    )
    with pytest.raises(UserError, match=words):
        assert found.trace
