"""Following a change of the data: exact where the model is quadratic, never by looking at anything but training
samples."""

import numpy as np
import pytest
import torch
from torch import nn

from attribution.gradients.selected import VARIANTS, How, Samples, select_for, update

L2 = 0.05


def samples(x, y):
    return Samples(len(x), lambda rows: (x[torch.as_tensor(rows)], y[torch.as_tensor(rows)]))


def squares(output, y):
    return (output[:, 0] - y).square() / 2


def objective(model, x, y):
    return nn.functional.cross_entropy(model(x), y) + L2 / 2 * sum(p.square().sum() for p in model.parameters())


def fitted(x, y):
    """Softmax regression at its optimum."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(x.shape[1], 3)).double()
    solver = torch.optim.LBFGS(
        model.parameters(), max_iter=500, tolerance_grad=1e-12, tolerance_change=1e-16, line_search_fn="strong_wolfe"
    )

    def closure():
        solver.zero_grad()
        loss = objective(model, x, y)
        loss.backward()
        return loss

    solver.step(closure)
    return model


@pytest.fixture(scope="module")
def clouds():
    chance = torch.Generator().manual_seed(4)
    y = torch.arange(60) % 3
    x = torch.randn(60, 4, generator=chance, dtype=torch.float64) + 1.5 * nn.functional.one_hot(y, 4)
    wrong = y.clone()
    wrong[:9] = (y[:9] + 1) % 3
    return x, y, wrong


def distance(a, b):
    return float(
        sum((p - q).square().sum() for p, q in zip(a.parameters(), b.parameters(), strict=True)).detach().sqrt()
    )


@pytest.mark.parametrize("change", ["labels", "samples", "class"])
def test_all_parameters_free_it_arrives_where_retraining_does(clouds, change):
    """On a convex problem the steps end at the optimum of the changed data: relabelled, removed, a whole class
    removed."""
    x, y, wrong = clouds
    model = fitted(x, wrong)
    kept = {"labels": torch.ones(60, dtype=torch.bool), "samples": torch.arange(60) >= 9, "class": y != 2}[change]
    labels = y if change == "labels" else wrong
    goal = fitted(x[kept], labels[kept])
    mask = torch.ones(15, dtype=torch.bool)
    found = update(
        model,
        samples(x, wrong),
        samples(x[kept], labels[kept]),
        mask,
        How("if", steps=30, damping_ratio=0.0, l2=L2, tolerance=1e-10),
    )
    assert distance(found.model, goal) < 1e-3 * distance(model, goal)
    assert found.share == 1


def test_on_a_quadratic_one_full_step_is_enough():
    """The first step's right-hand side is the gradient change of the acted-on samples; with the curvature's square loss
    it is exact."""
    x, y, wrong = (
        torch.randn(30, 3, generator=torch.Generator().manual_seed(s), dtype=torch.float64) for s in (1, 2, 3)
    )
    y, wrong = y[:, 0], torch.cat([wrong[:5, 0], y[5:, 0]])
    model = nn.Sequential(nn.Linear(3, 1, bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(torch.linalg.lstsq(x, wrong[:, None]).solution.T)
    from attribution.gradients.curvature import Layout
    from attribution.gradients.engine import GradientEngine
    from attribution.gradients.probe import covered_parameters
    from attribution.gradients.selected import update as module_update
    from attribution.gradients.selected.update import _Objective

    assert module_update is update
    goal = _Objective(
        GradientEngine(model, squares), Layout(covered_parameters(model)), samples(x, wrong), samples(x, y), 0.0
    )
    change = x.T @ (wrong - y) / 30  # gradient on the new labels minus that on the old ones
    torch.testing.assert_close(goal.slope(), change)
    step = -torch.linalg.solve(x.T @ x / 30, change)
    length, value = goal.search(step, goal.at_start)
    assert length == 1
    assert value < goal.at_start
    torch.testing.assert_close(model[0].weight[0].detach(), torch.linalg.lstsq(x, y[:, None]).solution[:, 0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_only_chosen_parameters_move_and_every_step_lowers_the_training_side(clouds, variant):
    x, y, wrong = clouds
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 3)).double()
    solver = torch.optim.SGD(model.parameters(), lr=0.3)
    for _ in range(300):
        solver.zero_grad()
        nn.functional.cross_entropy(model(x), wrong).backward()
        solver.step()
    start = {name: value.clone() for name, value in model.state_dict().items()}
    mask = select_for(model, [(x[:9], wrong[:9])], 1.0 if variant == "if" else 0.2)
    found = update(model, samples(x, wrong), samples(x, y), mask, How(variant, steps=5, damping_ratio=1.0))
    assert all(torch.equal(value, start[name]) for name, value in model.state_dict().items())
    before = torch.cat([p.detach().reshape(-1) for p in model.parameters()])
    after = torch.cat([p.reshape(-1) for p in found.parameters.values()])
    assert torch.equal((before != after) & ~mask, torch.zeros_like(mask))
    assert (before != after).any()
    falls = np.diff([0.0, *(step.objective for step in found.steps)])
    assert (falls < 0).all()
    assert found.steps[-1].loss < found.start
    assert found.steps[-1].loss == pytest.approx(float(nn.functional.cross_entropy(found.model(x), y).detach()))


def test_no_change_of_the_data_no_step(clouds):
    x, _, wrong = clouds
    model = nn.Sequential(nn.Linear(4, 3)).double()
    found = update(model, samples(x, wrong), samples(x, wrong), torch.ones(15, dtype=torch.bool), How("fif"))
    assert found.steps == ()
    assert "nothing more" in found.stopped


def test_the_curvature_is_of_drawn_samples_that_belong_to_the_set(clouds):
    x, y, _ = clouds
    some = samples(x, y).some(10, 3)
    drawn, labels = some.batch(np.arange(10))
    assert len({tuple(row.tolist()) for row in drawn}) == 10
    assert all(bool((x == row).all(1).any()) for row in drawn)
    assert labels.shape == (10,)
    assert samples(x, y).some(100, 3).n == 60
