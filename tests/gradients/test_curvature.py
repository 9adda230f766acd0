"""The curvature and its inverses against matrices written out with plain autograd in float64."""

import numpy as np
import pytest
import torch
from engine_models import Contracted, TransposedLinear
from torch import nn
from torch.nn import functional as F

from attribution.errors import UserError
from attribution.gradients.curvature import (
    GaussNewton,
    conjugate_gradients,
    datainf,
    dense_inverse,
    kronecker_factors,
    lanczos,
    neumann_series,
    nystroem,
)
from attribution.gradients.engine import GradientEngine

N, CLASSES = 24, 3


def small_net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, CLASSES)).double()


def picture_net() -> nn.Module:
    torch.manual_seed(0)
    body = [
        nn.Conv2d(2, 3, 3, padding=1, stride=2),
        nn.GroupNorm(1, 3),
        nn.Tanh(),
        nn.Conv2d(3, 2, 2, bias=False),
        nn.Flatten(),
    ]
    return nn.Sequential(*body, nn.Linear(8, CLASSES)).double()


class Words(nn.Module):
    """Embedding, mean, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(6, 4), nn.Linear(4, CLASSES)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.embed(ids).mean(1))


def inputs(kind: str, n: int = N) -> torch.Tensor:
    chance = torch.Generator().manual_seed(1)
    if kind == "words":
        return torch.randint(0, 6, (n, 3), generator=chance)
    shape = (n, 4) if kind == "flat" else (n, 2, 6, 6)
    return torch.randn(shape, generator=chance, dtype=torch.float64)


def nets() -> dict[str, tuple[nn.Module, torch.Tensor]]:
    torch.manual_seed(0)
    return {
        "flat": (small_net(), inputs("flat")),
        "pictures": (picture_net(), inputs("pictures")),
        "words": (Words().double(), inputs("words")),
    }


def curvature(model: nn.Module, x: torch.Tensor, **settings) -> GaussNewton:
    y = torch.arange(len(x)) % CLASSES
    chance = np.random.default_rng(0).random(len(x))
    return GaussNewton(
        GradientEngine(model),
        lambda at: (x[at], y[at]),
        len(x),
        lambda: chance,
        **{"l2": 0.01, "batch_size": 7, **settings},
    )


def jacobian(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """d logits / d parameters ``(n, c, P)`` by plain autograd."""
    rows = []
    for logit in model(x).flatten():
        parts = torch.autograd.grad(logit, list(model.parameters()), retain_graph=True)
        rows.append(torch.cat([part.flatten() for part in parts]))
    return torch.stack(rows).reshape(len(x), CLASSES, -1)


def written_out(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """G ``(P, P)`` from its definition."""
    model.eval()
    slopes, p = jacobian(model, x), model(x).softmax(1).detach()
    inner = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    return torch.einsum("nap,nab,nbq->pq", slopes, inner, slopes) / len(x)


@pytest.mark.parametrize("kind", ["flat", "pictures", "words"])
@pytest.mark.parametrize("keep_bytes", [0, 1 << 20])
def test_products_trace_and_damping(kind, keep_bytes):
    model, x = nets()[kind]
    found, expected = curvature(model, x, keep_bytes=keep_bytes), written_out(model, x)
    v = found.random(3, 0)
    assert (found.root is None) == (keep_bytes == 0)
    torch.testing.assert_close(found.product(v), v @ expected, rtol=1e-9, atol=1e-12)
    assert found.trace == pytest.approx(float(expected.trace()), rel=1e-9)
    assert found.damping == pytest.approx(0.1 * (float(expected.trace()) / found.size + 0.01), rel=1e-9)
    some = np.array([3, 5, 20, 21, 1, 0, 2, 9])
    torch.testing.assert_close(found.product(v, some), v @ written_out(model, x[some]), rtol=1e-9, atol=1e-12)
    assert found.largest_eigenvalue(0, steps=200) == pytest.approx(float(torch.linalg.eigvalsh(expected)[-1]), rel=0.05)


def solvers(c: GaussNewton, v: torch.Tensor) -> dict[str, tuple[torch.Tensor, float]]:
    """Solutions of the solvers that can be exact, with the tolerance each is held to."""
    return {
        "dense": (dense_inverse(c)(v), 1e-9),
        "cg": (conjugate_gradients(c, v, 1e-7, 400).x, 1e-4),
        "series": (neumann_series(c, v, 0, depth=3000, batch=N).x, 1e-4),
        "lanczos": (lanczos(c, c.size, 0).solve(v, c.shift), 1e-6),
        "nystroem": (nystroem(c, c.size, 0).solve(v, c.shift), 1e-6),
    }


@pytest.mark.parametrize("kind", ["flat", "pictures", "words"])
def test_solvers_agree_with_the_inverse_written_out(kind):
    model, x = nets()[kind]
    c = curvature(model, x)
    v = c.random(2, 5)
    expected = torch.linalg.solve(written_out(model, x) + c.shift * torch.eye(c.size, dtype=v.dtype), v.T).T
    for name, (found, tolerance) in solvers(c, v).items():
        assert float((found - expected).norm() / expected.norm()) < tolerance, name


def test_conjugate_gradients_say_how_far_they_came():
    model, x = nets()["flat"]
    c = curvature(model, x)
    v = torch.cat([c.random(2, 5), torch.zeros(1, c.size, dtype=torch.float64)])
    short = conjugate_gradients(c, v, 1e-10, 3)
    assert short.iterations == 3
    assert short.residuals[0] > 1e-10
    true = (v - c.damped(short.x)).norm(dim=1)
    torch.testing.assert_close(short.residuals[:2], (true / v.norm(dim=1))[:2], rtol=1e-6, atol=1e-12)
    assert not short.x[2].any()
    torch.testing.assert_close(conjugate_gradients(c, v[:1], 1e-10, 3).x, short.x[:1])


def test_the_series_over_batches_comes_near():
    model, x = nets()["flat"]
    c = curvature(model, x, damping_ratio=1.0)
    v = c.random(2, 5)
    found = neumann_series(c, v, 0, depth=3000, batch=12)
    assert float(found.residuals.max()) < 0.3
    assert float((found.x - dense_inverse(c)(v)).norm() / dense_inverse(c)(v).norm()) < 0.3


def test_the_hessian_is_an_option():
    model, x = nets()["flat"]
    c = curvature(model, x)
    parameters = dict(model.named_parameters())
    y = torch.arange(N) % CLASSES

    def loss(flat: torch.Tensor) -> torch.Tensor:
        values = {
            n: part.reshape(p.shape)
            for (n, p), part in zip(parameters.items(), flat.split(list(c.layout.sizes.values())), strict=True)
        }
        return F.cross_entropy(torch.func.functional_call(model, values, (x,)), y)

    flat = torch.cat([p.detach().flatten() for p in parameters.values()])
    matrix = torch.autograd.functional.hessian(loss, flat) + c.shift * torch.eye(c.size, dtype=flat.dtype)
    v = c.random(2, 1)
    torch.testing.assert_close(
        dense_inverse(c, hessian=True)(v), torch.linalg.solve(matrix, v.T).T, rtol=1e-7, atol=1e-9
    )


def test_low_rank_takes_the_largest_directions():
    model, x = nets()["pictures"]
    c = curvature(model, x)
    values = torch.linalg.eigvalsh(written_out(model, x)).flip(0)
    found = lanczos(c, 30, 0)
    torch.testing.assert_close(found.values[:3], values[:3], rtol=1e-4, atol=0)
    torch.testing.assert_close(
        found.vectors @ found.vectors.T, torch.eye(len(found.values), dtype=torch.float64), rtol=0, atol=1e-8
    )
    sketch = nystroem(c, 30, 0)
    assert (sketch.values <= values[:30] + 1e-10).all()
    assert sketch.values.sum() > 0.8 * values.sum()


def test_kronecker_factors_of_one_sample_are_exact_layer_by_layer():
    """With one sample and one position per layer the curvature of a layer is a Kronecker product."""
    model, x = small_net(), inputs("flat", 1)
    c = curvature(model, x)
    expected, v = written_out(model, x), c.random(2, 0)
    blocks = torch.zeros_like(expected)
    for start, stop in ((0, 25), (25, c.size)):
        blocks[start:stop, start:stop] = expected[start:stop, start:stop]
    solved = torch.linalg.solve(blocks + c.shift * torch.eye(c.size, dtype=v.dtype), v.T).T
    for corrected in (False, True):
        torch.testing.assert_close(kronecker_factors(c, corrected).solve(v), solved, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("kind", ["flat", "pictures", "words"])
@pytest.mark.parametrize("labels", ["model", "data"])
def test_corrected_eigenvalues_are_the_diagonal_in_the_eigenbasis(kind, labels):
    """EK-FAC's eigenvalues are the diagonal of the block in its basis, so blocks keep their trace; elsewhere the
    diagonal itself."""
    model, x = nets()[kind]
    c = curvature(model, x, labels=labels)
    matrix = written_out(model, x)
    if labels == "data":
        y = torch.arange(N) % CLASSES
        g = torch.stack([c.layout.join(c.engine.gradients(x[i : i + 1], y[i : i + 1]))[0] for i in range(N)])
        matrix = g.T @ g / N
    factors = kronecker_factors(c, corrected=True)
    spans = {name: (start, stop) for name, start, stop in c.layout.spans()}
    for name, values in factors.diagonal.items():
        start, stop = spans[name]
        torch.testing.assert_close(values, matrix.diagonal()[start:stop])
    for layer in factors.layers.values():
        names = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
        trace = sum(float(matrix.diagonal()[slice(*spans[name])].sum()) for name in names)
        assert float(layer.values.sum()) == pytest.approx(trace, rel=1e-8)
        assert (layer.values > -1e-12).all()


@pytest.mark.parametrize("kind", ["flat", "pictures", "words"])
def test_kronecker_solves_queries_as_it_solves_their_vectors(kind):
    model, x = nets()[kind]
    c = curvature(model, x)
    factors, queries = kronecker_factors(c, corrected=True), c.engine.queries(x[:5], torch.arange(5) % CLASSES)
    expected = factors.solve(c.layout.from_queries(queries))
    torch.testing.assert_close(c.layout.from_queries(factors.solve_queries(queries)), expected)
    mean = c.engine.group_query(x[:5], torch.arange(5) % CLASSES)  # written out
    torch.testing.assert_close(c.layout.from_queries(factors.solve_queries(mean)), expected.mean(0, keepdim=True))


class Positions(nn.Module):
    """A perceptron at every position, their mean, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.Linear(4, 5), nn.Linear(5, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.inner(x).tanh().mean(1))


@pytest.mark.parametrize("kind", ["flat", "pictures", "2 positions", "9 positions"])
def test_kept_gradients_and_a_second_pass_give_the_same_factors(kind):
    """Everything made twice, the first batches kept, everything kept: what is kept is not made again."""
    torch.manual_seed(0)
    shape = (N, int(kind[0]), 4) if kind[0].isdigit() else ()
    model, x = (Positions().double(), torch.randn(shape, dtype=torch.float64)) if shape else nets()[kind]
    found, passes = [], []
    for room in (0, 5000 if kind == "pictures" else 1000, 1 << 20):
        seen: list[float] = []
        found.append(kronecker_factors(curvature(model, x, keep_bytes=room, count=seen.append), corrected=True))
        passes.append(sum(seen))
    assert passes[0] > passes[1] > passes[2] == passes[0] / 2
    for name, layer in found[0].layers.items():
        for other in found[1:]:
            torch.testing.assert_close(other.layers[name].values, layer.values)


def test_kfac_convolution_keeps_the_trace_of_independent_factors():
    """K-FAC of a convolution: (sum over positions of a a^T) x (mean over positions of g g^T)."""
    model, x = nets()["pictures"]
    layer = kronecker_factors(curvature(model, x), corrected=False).layers["3.weight"]
    inner = nn.Sequential(*list(model)[:3])(x).detach()
    patches = F.unfold(inner, 2)  # (n, i, t)
    expected = torch.linalg.eigvalsh(torch.einsum("nit,njt->ij", patches, patches) / N)
    assert float(layer.values.max()) <= float(expected.max()) * float(layer.values.sum()) / float(expected.sum()) * (
        1 + 1e-9
    )
    shares = layer.values.sum(0) / layer.values.sum()
    torch.testing.assert_close(shares.sort().values, expected / expected.sum(), rtol=1e-8, atol=1e-12)


def test_a_layer_without_closed_form_is_named():
    torch.manual_seed(0)
    model = nn.Sequential(Contracted(4), nn.Linear(4, CLASSES)).double()
    with pytest.raises(UserError, match=r"'0' \(Contracted\).*influence-cg"):
        kronecker_factors(curvature(model, inputs("flat")), True)


@pytest.mark.parametrize("kind", ["flat", "steps"])
@pytest.mark.parametrize("corrected", [True, False])
def test_a_weight_kept_the_other_way_round_has_the_factors_of_its_linear_layer(kind, corrected):
    """GPT-2's linear layers: the same network once with each, the same solution up to transposing."""
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Flatten(), nn.Linear(5 if kind == "flat" else 15, CLASSES))
    other = nn.Sequential(TransposedLinear(4, 5), *list(plain)[1:]).double()
    plain.double()
    with torch.no_grad():
        other[0].weight.copy_(plain[0].weight.T)
        other[0].bias.copy_(plain[0].bias)
    x = torch.randn(N, *((4,) if kind == "flat" else (3, 4)), dtype=torch.float64)
    y = torch.arange(N) % CLASSES
    found = []
    for model in (plain, other):
        c = curvature(model, x, keep_bytes=0 if corrected else 1 << 20)
        factors = kronecker_factors(c, corrected)
        assert set(factors.layers) == {"0.weight", "3.weight"}
        solved = factors.solve_queries(c.engine.queries(x[:3], y[:3]))
        written = c.layout.to_queries(factors.solve(c.layout.from_queries(c.engine.queries(x[:3], y[:3]))))
        torch.testing.assert_close(c.engine.dots(x, y, solved), c.engine.dots(x, y, written))
        found.append((c.engine.dots(x, y, solved), solved.parts["0.weight"].dense().reshape(3, *model[0].weight.shape)))
    torch.testing.assert_close(found[0][0], found[1][0])
    torch.testing.assert_close(found[0][1], found[1][1].mT)


def test_a_large_model_is_sent_elsewhere():
    model = nn.Linear(2000, CLASSES)
    x = torch.randn(4, 2000)
    with pytest.raises(UserError, match=r"6,003 trainable parameters.*influence-cg"):
        dense_inverse(curvature(model, x))


def test_a_curvature_of_zero_without_l2_is_refused():
    model = nn.Linear(4, CLASSES).double()
    with torch.no_grad():
        model.weight.zero_()
        model.bias.copy_(torch.tensor([2000.0, 0.0, 0.0]))
    with pytest.raises(UserError, match="damping"):
        _ = curvature(model, inputs("flat"), l2=0.0).shift


@pytest.mark.parametrize("kind", ["flat", "words"])
def test_datainf_is_its_formula(kind):
    model, x = nets()[kind]
    c = curvature(model, x)
    v, expected = c.random(2, 4), []
    p = model(x).softmax(1).detach()
    for name, start, stop in c.layout.spans():
        total = torch.zeros(2, stop - start, dtype=torch.float64)
        for label in range(CLASSES):
            g = c.engine.gradients(x, torch.full((N,), label))[name].reshape(N, -1)
            for i in range(N):
                matrix = torch.outer(g[i], g[i]) + c.shift * torch.eye(stop - start, dtype=torch.float64)
                total += p[i, label] / N * torch.linalg.solve(matrix, v[:, start:stop].T).T
        expected.append(total)
    torch.testing.assert_close(datainf(c, v), torch.cat(expected, 1), rtol=1e-8, atol=1e-10)


def test_many_classes_draw_a_label_per_sample():
    """Above 32 classes one label per sample is drawn by its own chance, so batches and order do not matter, and the
    trace is unbiased."""
    torch.manual_seed(0)
    model = nn.Linear(4, 40).double()
    x = inputs("flat", 400)
    y = torch.zeros(400, dtype=torch.int64)
    chance = np.random.default_rng(0).random(400)
    found = [
        GaussNewton(GradientEngine(model), lambda at: (x[at], y[at]), 400, lambda: chance, batch_size=size)
        for size in (400, 33)
    ]
    assert found[0].root is None
    assert found[0].trace == pytest.approx(found[1].trace, rel=1e-12)
    p = model(x).softmax(1).detach()
    exact = float(((1 - p.square().sum(1)) * (x.square().sum(1) + 1)).mean())
    assert found[0].trace == pytest.approx(exact, rel=0.05)


def bernoulli(z, y):
    return torch.nn.functional.binary_cross_entropy_with_logits(z[:, 0], y.to(z.dtype), reduction="none")


def squared(z, y):
    return (z - torch.nn.functional.one_hot(y, z.shape[1])).square().sum(1)


def weighted(z, y):
    return torch.nn.functional.cross_entropy(
        z, y, weight=torch.tensor([1.0, 2.0, 1.0], dtype=z.dtype), reduction="none"
    )


@pytest.mark.parametrize(
    ("loss", "outputs"), [(bernoulli, 1), (squared, 3), (weighted, 3), (lambda z, y: -z.gather(1, y[:, None])[:, 0], 3)]
)
def test_another_loss_than_softmax_cross_entropy_is_refused(loss, outputs):
    """Its curvature would be the softmax's all the same: too short, in another direction, or zero."""
    model = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, outputs)).double()
    x, y = torch.randn(N, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3)), torch.arange(N) % 2

    def make() -> GaussNewton:
        return GaussNewton(GradientEngine(model, loss), lambda p: (x[p], y[p]), N, lambda: np.full(N, 0.5))

    v = torch.ones(1, make().size, dtype=torch.float64)
    for ask in (
        lambda: make().trace,
        lambda: make().product(v),
        lambda: make().damped(v),
        lambda: kronecker_factors(make(), corrected=True),
        lambda: make().rows(np.arange(3)),
        lambda: next(iter(make().terms())),
        lambda: make().largest_eigenvalue(0),
    ):
        with pytest.raises(UserError, match="softmax cross-entropy") as refused:
            ask()
        assert "ip" in refused.value.do


def test_a_loss_written_otherwise_but_equal_is_taken():
    model, x = nn.Linear(4, 3).double(), torch.randn(N, 4, dtype=torch.float64)
    y = torch.arange(N) % 3
    own = lambda z, y: z.logsumexp(1) - z.gather(1, y[:, None])[:, 0]  # noqa: E731
    assert GaussNewton(GradientEngine(model, own), lambda p: (x[p], y[p]), N, lambda: np.full(N, 0.5)).trace > 0
