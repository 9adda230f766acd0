"""Every task's derivatives against autograd of its own loss, in float64, for one output and several."""

import numpy as np
import pytest
import torch

from attribution.tasks.binary import Binary
from attribution.tasks.classification import Classification, ClassificationSettings
from attribution.tasks.multilabel import MultiLabel
from attribution.tasks.regression import Regression, RegressionSettings

B = 5


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


NAMES = ("a", "b", "c")
ONE_OF = torch.tensor([0, 1, 2, 1, 0])
ANY_OF = torch.tensor([[0, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
HUBER = RegressionSettings(loss="huber", delta=0.7)
WEIGHTED = ClassificationSettings(class_weights=(0.5, 1.0, 3.0), label_smoothing=0.1)
CASES = {
    "classification": (Classification(NAMES), numbers(B, 3), ONE_OF),
    "classification, weighted and smoothed": (Classification(NAMES, WEIGHTED), numbers(B, 3), ONE_OF),
    "binary (b, 1)": (Binary(NAMES[:2]), numbers(B, 1), ONE_OF % 2),
    "binary (b,)": (Binary(NAMES[:2]), numbers(B), ONE_OF % 2),
    "binary, weighted": (
        Binary(NAMES[:2], ClassificationSettings(class_weights=(0.5, 3.0))),
        numbers(B, 1),
        ONE_OF % 2,
    ),
    "multilabel": (MultiLabel(NAMES), numbers(B, 3), ANY_OF),
    "multilabel, one label": (MultiLabel(NAMES[:1]), numbers(B, 1), ANY_OF[:, :1]),
    "regression (b, 1)": (Regression(), numbers(B, 1), numbers(B)),
    "regression (b,)": (Regression(), numbers(B), numbers(B, 1)[:, 0]),
    "regression, three numbers": (Regression(), numbers(B, 3), numbers(B, 3, 1)[:, :, 0]),
    "huber": (Regression((), HUBER), numbers(B, 1), numbers(B)),
    "huber, three numbers": (Regression((), HUBER), numbers(B, 3), numbers(B, 3, 1)[:, :, 0]),
}
every = pytest.mark.parametrize(("task", "outputs", "targets"), CASES.values(), ids=CASES)


def bent(task, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The loss's second derivative at the outputs, per sample (b, c, c), by autograd."""

    def one(flat: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return task.loss(flat.reshape(1, *outputs.shape[1:]), target[None])[0]

    return torch.stack(
        [
            torch.autograd.functional.hessian(lambda flat, t=target: one(flat, t), output.flatten())
            for output, target in zip(outputs, targets, strict=True)
        ]
    ).reshape(B, outputs[0].numel(), -1)


@every
def test_root_curved_and_spread_are_the_second_derivative(task, outputs, targets):
    wanted = bent(task, outputs, targets)
    root = task.root(outputs, targets)
    assert root.shape[1:] == outputs.shape
    rows = root.flatten(2) if outputs.dim() > 1 else root[..., None]  # (r, b, c)
    assert torch.allclose(torch.einsum("rbc,rbd->bcd", rows, rows), wanted, atol=1e-12)
    vectors = torch.cos(torch.arange(outputs.numel(), dtype=outputs.dtype)).reshape(outputs.shape)
    turned = torch.einsum("bcd,bd->bc", wanted, vectors.reshape(B, -1)).reshape(outputs.shape)
    assert torch.allclose(task.curved(outputs, targets, vectors), turned, atol=1e-12)
    columns, weights = task.spread(outputs, targets)
    columns = columns.reshape(len(columns), B, -1)
    assert torch.allclose(weights.sum(0), torch.ones(B, dtype=weights.dtype))
    assert torch.allclose(torch.einsum("rb,rbc,rbd->bcd", weights, columns, columns), wanted, atol=1e-12)


@every
def test_sampled_columns_are_the_second_derivative_in_the_mean(task, outputs, targets):
    draws = 20_000
    chance = np.random.default_rng(0).random(draws)
    for sample in range(2):
        many = outputs[sample : sample + 1].expand(draws, *outputs.shape[1:])
        same = targets[sample : sample + 1].expand(draws, *targets.shape[1:])
        columns = task.sampled(many, same, chance).reshape(draws, -1)
        wanted = bent(task, outputs, targets)[sample]
        found = columns.T @ columns / draws
        assert (found - wanted).abs().max() < 0.03 * wanted.abs().max()


@every
def test_residual_is_the_gradient_and_parts_add_up(task, outputs, targets):
    leaf = outputs.clone().requires_grad_()
    (slope,) = torch.autograd.grad(task.loss(leaf, targets).sum(), leaf)
    assert torch.allclose(task.residual(outputs, targets), slope, atol=1e-12)
    parts = task.parts(outputs, targets)
    if parts is not None:
        assert torch.allclose(parts.sum(1), task.loss(outputs, targets))


@every
def test_loss_falls_by_doubt_per_unit_of_log_odds(task, outputs, targets):
    if task.settings not in (None, task.Settings()) and getattr(task.settings, "label_smoothing", 0):
        pytest.skip("a smoothed loss is no function of the label's own log-odds")
    if task.name == "regression" and task.settings.loss == "huber" and outputs.dim() > 1 and outputs.shape[1] > 1:
        pytest.skip("the Huber loss of several numbers is no function of their distance")
    leaf = outputs.clone().requires_grad_()
    (slope,) = torch.autograd.grad(task.log_odds(leaf, targets).sum(), leaf)
    doubt = task.doubt(outputs, targets)
    scaled = -doubt.reshape(B, *[1] * (outputs.dim() - 1)) * slope
    assert torch.allclose(scaled, task.residual(outputs, targets), atol=1e-12)
    assert (doubt >= 0).all()


@every
def test_samples_do_not_see_each_other(task, outputs, targets):
    for ask in (task.loss, task.margin, task.log_odds, task.confidence, task.doubt):
        together = ask(outputs, targets)
        assert together.shape == (B,)
        alone = torch.cat([ask(outputs[k : k + 1], targets[k : k + 1]) for k in range(B)])
        assert torch.allclose(together, alone, equal_nan=True)
