"""Dots, norms, cosines and gradients equal autograd one sample at a time, for every layer type and trap, in float64."""

import random

import pytest
import torch
from engine_models import MODELS, make, oracle, scaled
from torch import nn

from attribution.gradients.contract import PAIRS, SIDES, contract, orders
from attribution.gradients.engine import GradientEngine
from attribution.gradients.factors import Dense, Outer
from attribution.gradients.queries import QueryGradients
from attribution.gradients.rules import norm

RELATIVE = 1e-9
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")


def close(found: torch.Tensor, expected: torch.Tensor) -> bool:
    """Equal to 1e-9 of the largest entry."""
    return bool((found - expected).abs().max() <= RELATIVE * expected.abs().max())


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("name", MODELS)
def test_scores_equal_autograd_one_sample_at_a_time(name: str) -> None:
    model, x, y = make(name)
    reference = oracle(model, x, y)
    engine = GradientEngine(model)
    queries = engine.queries(x[:3], y[:3], batch_size=2)
    dots, norms = engine.dots_and_norms(x, y, queries)
    assert close(dots, reference @ reference[:3].T)
    assert close(norms, reference.norm(dim=1))
    assert close(queries.norms, reference[:3].norm(dim=1))
    cosines = dots / (norms[:, None] * queries.norms)
    unit = reference / reference.norm(dim=1, keepdim=True)
    assert close(cosines, unit @ unit[:3].T)
    assert close(engine.dots(x, y, queries), dots)
    assert close(engine.norms(x, y), norms)
    assert close(
        torch.cat([gradient.reshape(len(x), -1) for gradient in engine.gradients(x, y).values()], 1), reference
    )


@pytest.mark.parametrize("name", MODELS)
def test_layers_apart_equal_their_part_of_the_gradient_and_add_up(name: str) -> None:
    model, x, y = make(name)
    reference = dict(zip(GradientEngine(model).covered, oracle(model, x, y).split(sizes_of(model), dim=1), strict=True))
    engine = GradientEngine(model)
    queries = engine.queries(x[:3], y[:3])
    dots, norms = engine.by_layer(x, y, queries)
    assert sorted(name for names in engine.layers.values() for name in names) == sorted(engine.covered)
    whole = torch.cat(list(reference.values()), 1)
    for place, names in enumerate(engine.layers.values()):
        part = torch.cat([reference[name] for name in names], 1)
        scale = (whole @ whole.T).abs().max()
        assert (dots[place] - part @ part[:3].T).abs().max() <= RELATIVE * scale
        assert (norms[place].square() - part.square().sum(1)).abs().max() <= RELATIVE * scale
        assert (queries.only(names).norms.square() - part[:3].square().sum(1)).abs().max() <= RELATIVE * scale
    together = engine.dots_and_norms(x, y, queries)
    assert close(dots.sum(0), together[0])
    assert close(norms.square().sum(0).sqrt(), together[1])


def sizes_of(model: torch.nn.Module) -> list[int]:
    return [parameter.numel() for parameter in model.parameters() if parameter.requires_grad]


@pytest.mark.parametrize("name", MODELS)
def test_a_group_query_is_the_mean_gradient(name: str) -> None:
    model, x, y = make(name)
    reference = oracle(model, x, y)
    engine = GradientEngine(model)
    mean = reference.mean(0)
    group = engine.group_query(x, y)
    in_batches = engine.group_query([(x[:5], y[:5]), (x[5:], y[5:])])
    for query in (group, in_batches):
        assert len(query) == 1
        assert close(engine.dots(x, y, query)[:, 0], reference @ mean)
    flat = torch.cat([gradient.flatten() for gradient in engine.mean_gradient([(x, y)]).values()])
    assert close(flat, mean)


@pytest.mark.parametrize("name", MODELS)
def test_a_batch_that_goes_through_the_model_in_blocks_gives_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attribution.gradients.engine._SAVED_BYTES", 1)
    monkeypatch.setattr("attribution.gradients.engine._FEWEST", 3)
    model, x, y = make(name)
    reference = oracle(model, x, y)
    engine = GradientEngine(model)
    assert engine.at_once(x, y) <= 3 < len(x)
    queries = engine.queries(x, y)
    dots, norms = engine.dots_and_norms(x, y, queries)
    assert close(dots, reference @ reference.T)
    assert close(norms, reference.norm(dim=1))
    assert close(
        torch.cat([gradient.reshape(len(x), -1) for gradient in engine.gradients(x, y).values()], 1), reference
    )


@pytest.mark.parametrize("name", ["linear on steps", "transformer", "conv1d", "group norm", "embedding"])
def test_autocast_is_good_to_two_digits_of_float64_and_returns_the_model_s_precision(name: str) -> None:
    model, x, y = make(name)
    reference = oracle(model, x, y)
    single = x.float() if x.is_floating_point() else x
    engine = GradientEngine(model.float(), autocast=torch.bfloat16)
    dots, norms = engine.dots_and_norms(single, y, engine.queries(single, y))
    assert dots.dtype == norms.dtype == torch.float32
    exact = reference @ reference.T
    error = (dots - exact).abs().max() / exact.abs().max()
    assert 1e-6 < error < 3e-2  # it does round
    assert ((norms - reference.norm(dim=1)).abs() <= 3e-2 * reference.norm(dim=1).max()).all()
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())


class Thrice(torch.autograd.Function):
    """Has a backward pass and no forward mode."""

    @staticmethod
    def forward(ctx, x):  # type: ignore[no-untyped-def]
        return 3 * x

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        return 3 * gradient


class Tripled(torch.nn.Module):
    """Three times its input."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return Thrice.apply(x)


@pytest.mark.parametrize("between", [torch.nn.Tanh(), Tripled()])
def test_one_direction_is_exact_with_and_without_forward_mode(between: torch.nn.Module) -> None:
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(5, 7), between, torch.nn.Linear(7, 3)).double()
    x, y = torch.randn(9, 5, dtype=torch.float64), torch.arange(9) % 3
    reference, own = oracle(model, x, y), list(map(id, model.parameters()))
    engine = GradientEngine(model)
    for _ in range(2):
        assert close(engine.along(x, y, engine.group_query(x, y))[:, 0], reference @ reference.mean(0))
        assert list(map(id, model.parameters())) == own, "the model is left with other parameters than its own"
    assert close(engine.along(x, y, engine.queries(x[:2], y[:2])), reference @ reference[:2].T)
    assert engine._forward_mode == isinstance(between, torch.nn.Tanh)


@pytest.mark.parametrize(("o", "i"), [(6, 4), (4, 6)])
@pytest.mark.parametrize("budget_bytes", [1, 1 << 20])
def test_written_queries_meet_single_positions_by_either_side(o: int, i: int, budget_bytes: int) -> None:
    torch.manual_seed(0)
    left, right = torch.randn(9, 1, 1, o, dtype=torch.float64), torch.randn(9, 1, 1, i, dtype=torch.float64)
    train, query = Outer(left, right, (o, i)), Dense(torch.randn(5, o * i, dtype=torch.float64), (o, i))
    assert orders(train, query, True) == (SIDES, PAIRS)
    expected = train.dense() @ query.values.T
    for _ in range(2):  # the second time the query is laid out for it
        dots, squared = contract(train, query, budget_bytes)
        assert dots is not None
        assert squared is not None
        assert close(dots, expected)
        assert close(squared, train.dense().square().sum(1))
    assert close(query.block(1, 4).columns, query.values[1:4].T)


@pytest.mark.parametrize(
    "name",
    ["conv groups", "conv1d", "transformer", "wide on steps", "tied parameter", "embedding", "flattened positions"],
)
@pytest.mark.parametrize("budget_bytes", [1, 3_000, 1 << 30])
def test_budget_and_batch_size_change_nothing(name: str, budget_bytes: int) -> None:
    model, x, y = make(name)
    reference = oracle(model, x, y)
    engine = GradientEngine(model, budget_bytes=budget_bytes)
    queries = engine.queries(x, y, batch_size=3)
    parts = [engine.dots_and_norms(x[start : start + 4], y[start : start + 4], queries) for start in (0, 4)]
    assert close(torch.cat([dots for dots, _ in parts]), reference @ reference.T)
    assert close(torch.cat([norms for _, norms in parts]), reference.norm(dim=1))


def test_queries_can_be_stacked_taken_and_turned_into_directions() -> None:
    model, x, y = make("transformer")
    engine = GradientEngine(model)
    single, group = engine.queries(x[:3], y[:3]), engine.group_query(x, y)
    stacked = engine.stack([single, group, engine.queries(x[3:5, :4], y[3:5])])
    assert len(stacked) == 6
    dots = engine.dots(x, y, stacked)
    assert close(dots[:, :3], engine.dots(x, y, single))
    assert close(dots[:, 3:4], engine.dots(x, y, group))
    assert close(engine.dots(x, y, stacked.take(1, 5)), dots[:, 1:5])
    rebuilt = QueryGradients.from_gradients([stacked.direction(index) for index in range(6)])
    assert close(engine.dots(x, y, rebuilt), dots)
    assert close(rebuilt.norms, stacked.norms)


@pytest.mark.parametrize(
    "name", ["conv stride padding", "conv1d", "group norm", "same layer twice", "flattened positions"]
)
def test_float32_takes_faster_kernels_and_agrees(name: str) -> None:
    model, x, y = make(name, dtype=torch.float32)
    engine = GradientEngine(model)
    dots, norms = engine.dots_and_norms(x, y, engine.queries(x, y))
    model64, _, _ = make(name)
    reference = oracle(model64.to(torch.float64), x.double(), y)
    model64.load_state_dict({key: value.double() for key, value in model.state_dict().items()})
    reference = oracle(model64, x.double(), y)
    torch.testing.assert_close(
        dots.double(), reference @ reference.T, rtol=1e-4, atol=1e-5 * float(reference.square().sum(1).max())
    )
    torch.testing.assert_close(norms.double(), reference.norm(dim=1), rtol=1e-4, atol=0.0)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_any_convolution(seed: int, dtype: torch.dtype) -> None:
    draw = random.Random(seed)
    groups, stride = draw.choice([1, 1, 2, 4]), draw.choice([1, 1, 2, (2, 1)])
    padding = draw.choice([0, 1, (2, 0), "valid"] + (["same"] if stride == 1 else []))
    torch.manual_seed(seed)
    # Fmt: skip.
    conv = torch.nn.Conv2d(
        4,
        8,
        draw.choice([1, 2, 3, (3, 2)]),
        stride,
        padding,
        draw.choice([1, 1, 2]),
        groups,
        seed % 2 == 0,
        draw.choice(["zeros", "zeros", "reflect", "replicate", "circular"]),
    )
    model = torch.nn.Sequential(
        conv, torch.nn.Tanh(), torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(), torch.nn.Linear(32, 3)
    ).to(dtype)
    x, y = torch.randn(5, 4, 8, 9, dtype=dtype), torch.randint(0, 3, (5,))
    layout = torch.channels_last if seed % 3 == 0 else torch.contiguous_format
    engine = GradientEngine(model, budget_bytes=20_000)
    dots, norms = engine.dots_and_norms(x.contiguous(memory_format=layout), y, engine.queries(x, y))
    mean = engine.dots(x, y, engine.group_query(x, y))[:, 0]
    assert {row.path for row in engine.explain(x, y)} == {"closed form"}
    reference = oracle(model.double(), x.double(), y)
    relative = RELATIVE if dtype == torch.float64 else 1e-5
    for found, expected in (
        (dots, reference @ reference.T),
        (norms, reference.norm(dim=1)),
        (mean, reference @ reference.mean(0)),
    ):
        assert (found.double() - expected).abs().max() <= relative * expected.abs().max()


def test_projection_is_deterministic_batch_free_and_estimates_dots() -> None:
    model, x, y = make("transformer", n=12)
    engine = GradientEngine(model)
    projected = engine.project(x, y, dim=512, seed=3)
    assert projected.shape == (12, 512)
    in_blocks = torch.cat(
        [GradientEngine(model, budget_bytes=2_000).project(x[s : s + 5], y[s : s + 5], 512, seed=3) for s in (0, 5, 10)]
    )
    assert close(in_blocks, projected)
    assert not close(engine.project(x, y, dim=512, seed=4), projected)
    reference = oracle(model, x, y)
    scale = reference.norm(dim=1)[:, None] * reference.norm(dim=1)
    seeds = range(30)
    errors = torch.stack(
        [(p @ p.T - reference @ reference.T) / scale for p in (engine.project(x, y, 512, seed) for seed in seeds)]
    )
    assert errors.square().mean().sqrt() < 1.3 * (2 / 512) ** 0.5  # the spread of a Gaussian map
    assert errors.mean(0).abs().max() < 4 * (2 / 512 / len(seeds)) ** 0.5  # unbiased


@pytest.mark.parametrize(("last", "again"), [(0.7, 0), (0.0, 1)])
def test_normalisations_are_not_computed_again_where_their_outputs_tell(
    last: float, again: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    normalised = norm._normalised
    monkeypatch.setattr(
        norm,
        "_normalised",
        lambda module, inputs: (done.append(type(module).__name__), normalised(module, inputs))[1],
    )
    torch.manual_seed(0)
    model = scaled(nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 3)), last).double()
    x, y = torch.randn(5, 4, dtype=torch.float64), torch.arange(5) % 3
    engine = GradientEngine(model)
    engine.norms(x, y)
    done.clear()
    assert close(engine.norms(x, y), oracle(model, x, y).norm(dim=1))
    assert len(done) == again
