"""Which rows are chosen, against outputs and gradients computed by hand."""

import pytest
import torch
from torch import nn

from attribution.errors import UserError
from attribution.gradients.curvature import Layout
from attribution.gradients.probe import covered_parameters
from attribution.gradients.selected import row_means, select, select_for


@pytest.fixture
def net():
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3),
        nn.GroupNorm(2, 6),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(6 * 16, 20),
        nn.ReLU(inplace=True),
        nn.Linear(20, 3),
    ).double()
    return model, torch.randn(7, 1, 6, 6, dtype=torch.float64), torch.randint(0, 3, (7,))


def rows_of(model, mask):
    """Parameter name -> indices of the rows that are wholly chosen; every row is chosen whole or not at all."""
    parts = Layout(covered_parameters(model)).split(mask[None].double())
    found = {}
    for name, part in parts.items():
        rows = part[0].reshape(len(part[0]), -1)
        assert ((rows == rows[:, :1]).all(1)).all()
        found[name] = rows[:, 0].nonzero()[:, 0].tolist()
    return found


def test_outputs_are_means_before_the_activation(net):
    model, x, y = net
    means = row_means(model, x, y)
    torch.testing.assert_close(means["0"], model[0](x).mean((2, 3)))
    torch.testing.assert_close(means["6"], model(x))
    assert set(means) == {"0", "4", "6"}


def test_gradients_are_those_of_each_sample_s_loss(net):
    model, x, y = net
    means = row_means(model, x, y, "gradients")
    hidden = model[:4](x).detach()
    middle = model[4](hidden).detach().requires_grad_()
    loss = nn.functional.cross_entropy(model[6](middle.relu()), y, reduction="sum")
    torch.testing.assert_close(means["4"], torch.autograd.grad(loss, middle)[0])
    out = model(x).softmax(1).detach() - nn.functional.one_hot(y, 3)
    torch.testing.assert_close(means["6"], out)
    assert means["0"].shape == (7, 6)


@pytest.mark.parametrize("by", ["outputs", "gradients"])
def test_the_strongest_rows_of_every_layer(net, by):
    model, x, y = net
    means = {name: value.mean(0).abs() for name, value in row_means(model, x, y, by).items()}
    found = rows_of(model, select_for(model, [(x[:3], y[:3]), (x[3:], y[3:])], 0.1, by))
    for layer, count in (("0", 1), ("4", 2), ("6", 1)):
        top = sorted(means[layer].topk(count).indices.tolist())
        assert found[f"{layer}.weight"] == found[f"{layer}.bias"] == top
    assert found["1.weight"] == []  # a norm is not a row of weights


def test_random_rows_are_as_many_and_seeded(net):
    model, x, y = net
    one, same, other = (select(model, {}, 0.1, "random", seed) for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert one.sum() == select_for(model, [(x, y)], 0.1).sum()
    rows_of(model, one)


def test_ratio_one_is_every_parameter(net):
    assert select(net[0], {}, 1.0).all()


def test_a_frozen_layer_is_not_chosen_from(net):
    model, x, y = net
    model[4].requires_grad_(False)
    mask = select_for(model, [(x, y)], 0.1)
    assert len(mask) == sum(p.numel() for p in covered_parameters(model).values())
    assert "4.weight" not in rows_of(model, mask)


@pytest.mark.parametrize(
    ("ratio", "by", "word"),
    [(0.0, "outputs", "ratio is 0"), (1.5, "outputs", "ratio is 1.5"), (0.1, "size", "no selection 'size'")],
)
def test_bad_settings_are_named(net, ratio, by, word):
    with pytest.raises(UserError, match=word):
        select(net[0], {}, ratio, by)


def test_a_model_without_rows_says_so():
    with pytest.raises(UserError, match="no linear or convolution layer"):
        select(nn.Sequential(nn.LayerNorm(4)), {}, 0.1)
