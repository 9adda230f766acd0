"""Compressed gradients against written-out ones: exact where everything is kept, entries of the gradient where masked,
unbiased otherwise."""

from dataclasses import replace

import pytest
import torch
from engine_models import MODELS, make, oracle

from attribution.gradients.compress import Compression, Factored, Masked, Projected
from attribution.gradients.engine import GradientEngine

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
KINDS = {
    "projected": Projected(64, seed=3),
    "masked": Masked(48, seed=3, entries=1),
    "masked and projected": Masked(24, seed=3, entries=3),
    "factored": Factored(64, seed=3),
}


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((found - expected).abs().max() <= 1e-9 * expected.abs().max())


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", [Masked, Factored])
def test_with_room_for_everything_the_inner_products_are_exact(name: str, kind: type[Compression]) -> None:
    model, x, y = make(name)
    reference = oracle(model, x, y)
    found = GradientEngine(model, budget_bytes=5_000).compress(x, y, kind(dim=2 * reference.shape[1]))
    assert close(found @ found.T, reference @ reference.T)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_map_of_its_own_whatever_the_batch(name: str, kind: str) -> None:
    """Linear in the gradient, the same for every batch, device budget and engine; another seed is another map."""
    model, x, y = make(name, n=9)
    compression = KINDS[kind]
    whole = GradientEngine(model).compress(x, y, compression)
    assert whole.shape == (9, compression.dim)
    parts = torch.cat(
        [GradientEngine(model, budget_bytes=1_000).compress(x[s : s + 4], y[s : s + 4], compression) for s in (0, 4, 8)]
    )
    assert close(parts, whole)
    if sum(p.numel() for p in model.parameters()) > compression.dim:
        other = GradientEngine(model).compress(x, y, replace(compression, seed=4))
        assert not close(other.square().sum(1), whole.square().sum(1))


@pytest.mark.parametrize("name", MODELS)
def test_a_mask_alone_shows_entries_of_the_gradient(name: str) -> None:
    """Every number is one entry of the written-out gradient times a factor of at least one."""
    model, x, y = make(name)
    reference = oracle(model, x, y)
    dim = 30 + 2 * len(list(model.parameters()))
    found = GradientEngine(model).compress(x, y, Masked(dim, seed=1, entries=1))
    known = reference / reference.norm(dim=0).clamp_min(1e-30)
    shown = found[:, found.norm(dim=0) > 1e-12 * found.norm()]
    alike = known.T @ (shown / shown.norm(dim=0)) > 1 - 1e-9  # (P, shown): the same but for a factor
    assert alike.any(0).all()
    least = torch.where(alike, reference.norm(dim=0)[:, None], torch.inf).min(0).values
    assert (shown.norm(dim=0) >= least * (1 - 1e-9)).all()
    assert shown.shape[1] > 0.4 * min(dim, reference.shape[1])


@pytest.mark.parametrize("name", ["wide on steps", "conv groups", "transformer"])
@pytest.mark.parametrize("kind", KINDS)
def test_inner_products_are_right_on_average(name: str, kind: str) -> None:
    model, x, y = make(name, n=6)
    engine, reference, one = GradientEngine(model), oracle(model, x, y), KINDS[kind]
    seeds = range(150)
    products = torch.stack([p @ p.T for p in (engine.compress(x, y, replace(one, seed=seed)) for seed in seeds)])
    error = products.mean(0) - reference @ reference.T
    assert (error.abs() <= 5 * products.std(0) / len(seeds) ** 0.5).all()


def test_freezing_a_layer_gives_another_map() -> None:
    """The numbers that the frozen layer had are given to the others, also by an engine that drew its map before."""
    model, x, y = make("linear")
    engine, compression = GradientEngine(model), Masked(dim=1000)
    engine.compress(x, y, compression)
    model[0].weight.requires_grad_(False)
    reference, found = oracle(model, x, y), engine.compress(x, y, compression)
    assert close(found @ found.T, reference @ reference.T)
    assert close(found, GradientEngine(model).compress(x, y, compression))
