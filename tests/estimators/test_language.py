"""Influence of rows of words on rows of words, against autograd and sums over all tokens, in float64."""

import numpy as np
import pytest
import torch
from tiny_world import build_chats, in_double

from attribution.estimators import estimators
from attribution.estimators._preconditioned import curvature_of
from attribution.estimators.base import Query
from attribution.models import language
from attribution.statistics.okapi import Okapi


@pytest.fixture(scope="module", params=["mean", "sum"])
def world(request, tmp_path_factory):
    return in_double(build_chats(tmp_path_factory.mktemp(request.param), reduction=request.param))


def queries_of(world, count=3):
    return [Query(str(row), (int(row),)) for row in world.dataset.rows("test")[:count]]


def scored(world, name, queries, rows, **settings):
    estimator = estimators.get(name)(world.trained(batch_size=7), seed=1).adjusted(**settings)
    estimator.prepare(queries)
    found = [estimator.score(rows[start : start + 7]).influence.numpy() for start in range(0, len(rows), 7)]
    return np.concatenate(found)


def gradients(world, rows, checkpoint=-1):
    """By autograd, one row after the other, at its own length (r, P)."""
    trained = world.trained()
    model, task = trained.model(checkpoint), world.dataset.task
    found = []
    for row in rows:
        x, y = trained.batch([row])
        x = x[..., : int((x[0, 1] >= 0).sum())]
        loss = task.loss(model(x), y)[0]
        found.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))]))
    return torch.stack(found)


def test_dot_products_and_cosines_are_those_of_autograd(world):
    rows, queries = world.dataset.rows("train"), queries_of(world)
    ours, theirs = gradients(world, rows), gradients(world, [query.rows[0] for query in queries])
    dots = (ours @ theirs.T).numpy()
    np.testing.assert_allclose(scored(world, "ip", queries, rows), dots, rtol=1e-9, atol=1e-12)
    lengths = ours.norm(dim=1)[:, None] * theirs.norm(dim=1)
    np.testing.assert_allclose(scored(world, "cosine", queries, rows), dots / lengths.numpy(), rtol=1e-9, atol=1e-12)


def test_dot_products_over_checkpoints_are_those_of_autograd(world):
    rows, queries = world.dataset.rows("train")[:20], queries_of(world)
    weights, asked = world.trained().weights, [query.rows[0] for query in queries]
    terms = [(gradients(world, rows, k) @ gradients(world, asked, k).T).numpy() for k in range(len(weights))]
    weighted = sum(weight * term for weight, term in zip(weights, terms, strict=True))
    np.testing.assert_allclose(scored(world, "tracin", queries, rows), weighted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scored(world, "ip-checkpoints", queries, rows), sum(terms) / 3, rtol=1e-9, atol=1e-12)


def logits_of(world, row):
    """Log probabilities ``(m, V)`` at the trained tokens of a row, and the model, with a graph."""
    trained = world.trained()
    model, (x, _) = trained.model(), trained.batch([row])
    length = int((x[0, 1] >= 0).sum())
    ids, kinds = x[:, 0, :length], x[:, 1, :length]
    logs = model.logits(model.hidden(ids, kinds >= 0)[:, :-1]).log_softmax(-1)[0]
    return logs[kinds[0, 1:] == 1], model


def exact_rows(world, row):
    """Rows (m V, P) whose outer products add up to the Gauss-Newton matrix of a row's loss: every token's gradient,
    weighed by its probability."""
    logs, model = logits_of(world, row)
    parameters = list(model.parameters())
    each = []
    for value in logs.flatten():
        found = torch.autograd.grad(value, parameters, retain_graph=True)
        each.append(torch.cat([part.flatten() for part in found]) * value.detach().div(2).exp())
    return torch.stack(each) / (len(logs) ** 0.5 if world.dataset.task.settings.reduction == "mean" else 1)


def test_the_mean_over_drawn_tokens_is_the_true_fisher(world, monkeypatch):
    row = int(world.dataset.rows("train")[0])
    exact = exact_rows(world, row)
    curvature = curvature_of(world.trained(), 0, 1.0, rows=np.array([row]))
    curvature.rows(np.zeros(3, dtype=np.int64))  # the closed forms are tried on the usual draws
    chance = np.random.default_rng(0)
    monkeypatch.setattr(language, "chances", lambda ids: chance.random(ids.shape))
    drawn = torch.cat([curvature.rows(np.zeros(50, dtype=np.int64))[:, 0] for _ in range(20)])  # (r, P)
    assert float(drawn.square().sum() / len(drawn)) == pytest.approx(float(exact.square().sum()), rel=0.1)
    probe = torch.linalg.svd(exact, full_matrices=False).Vh[:5].T
    ours, theirs = (drawn @ probe).square().mean(0), (exact @ probe).square().sum(0)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=0.25)


def test_ek_fac_keeps_the_trace_of_the_drawn_gradients_and_leaves_padding_out(world):
    estimator = estimators.get("ekfac")(world.trained(batch_size=64))
    factors = estimator._factors
    curvature = curvature_of(world.trained(), 0, 1.0)
    rows = torch.cat([curvature.rows(positions)[:, 0] for positions in curvature.batches()])
    assert estimator.curvature.trace == pytest.approx(float(rows.square().sum() / len(rows)), rel=1e-9)
    assert {"blocks.0.up.weight", "head.weight"} <= set(factors.layers)
    alone = estimators.get("kfac")(world.trained(batch_size=1))._factors
    whole = estimators.get("kfac")(world.trained(batch_size=64))._factors
    for name, layer in whole.layers.items():
        np.testing.assert_allclose(layer.values, alone.layers[name].values, rtol=1e-6, atol=1e-12)


def test_preconditioned_dot_products_are_those_of_the_written_out_matrix(world):
    rows, queries = world.dataset.rows("train"), queries_of(world)
    estimator = estimators.get("influence-cg")(world.trained(batch_size=7)).adjusted(tolerance=1e-10, iterations=500)
    estimator.prepare(queries)
    found = estimator.score(rows).influence.numpy()
    curvature = estimator.curvature
    drawn = torch.cat([curvature.rows(positions)[:, 0] for positions in curvature.batches()])
    matrix = drawn.T @ drawn / len(drawn) + curvature.shift * torch.eye(drawn.shape[1], dtype=drawn.dtype)
    ours, theirs = gradients(world, rows), gradients(world, [query.rows[0] for query in queries])
    wanted = (ours @ torch.linalg.solve(matrix, theirs.T) / len(rows)).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-9 * abs(wanted).max())


def test_forward_inf_moves_the_loss_or_the_log_odds_of_every_token(world):
    rows, queries = world.dataset.rows("train")[:9], queries_of(world)
    small = scored(world, "forward-inf", queries, rows, steps=1, step=1e-5)
    asked = gradients(world, [query.rows[0] for query in queries])
    first = (gradients(world, rows) @ (asked / asked.norm(dim=1, keepdim=True)).T).numpy()
    np.testing.assert_allclose(small / 1e-5, first, rtol=1e-3, atol=1e-4 * abs(first).max())
    logs, _ = logits_of(world, int(rows[0]))
    trained = world.trained()
    x, y = trained.batch(rows[:1])
    gold = x[0, 0][x[0, 1] == 1]
    p = logs.exp().gather(1, gold[:, None])[:, 0]
    each = (p / (1 - p)).log()
    odds = each.mean() if world.dataset.task.settings.reduction == "mean" else each.sum()
    found = trained.task.log_odds(trained.model()(x), y)
    assert float(found[0].detach()) == pytest.approx(float(odds.detach()), rel=1e-9)
    assert float(trained.task.doubt(trained.model()(x).detach(), y)[0]) == pytest.approx(
        float((1 - p).mean().detach()), rel=1e-9
    )


@pytest.mark.parametrize("on", ["answer", "question", "both"])
def test_bm25_compares_the_words_of_the_part_that_is_asked_for(world, on):
    rows, queries = world.dataset.rows("train"), queries_of(world)
    said = [world.dataset.conversation(row) for row in range(len(world.dataset))]
    text = {
        "answer": lambda one: one.answer,
        "question": lambda one: one.question,
        "both": lambda one: f"{one.question}\n{one.answer}",
    }[on]
    index = Okapi([text(said[row]) for row in rows])
    wanted = np.stack([index.scores(text(said[query.rows[0]])) for query in queries], 1)
    np.testing.assert_allclose(scored(world, "bm25", queries, rows, on=on), wanted, rtol=1e-12)


def test_hidden_states_are_compared_over_trained_tokens(world):
    rows, queries = world.dataset.rows("train")[:9], queries_of(world)

    def state(row):
        trained = world.trained()
        x, _ = trained.batch([row])
        length = int((x[0, 1] >= 0).sum())
        hidden = trained.model().hidden(x[:, 0, :length], x[:, 1, :length] >= 0)[0]
        mean = hidden[x[0, 1, :length] == 1].mean(0).detach().numpy()
        return mean / np.linalg.norm(mean)

    wanted = np.array([[state(row) @ state(query.rows[0]) for query in queries] for row in rows])
    np.testing.assert_allclose(scored(world, "hidden-similarity", queries, rows), wanted, rtol=1e-4, atol=1e-4)


def test_the_loss_is_the_same_for_every_question(world):
    rows, queries = world.dataset.rows("train"), queries_of(world)
    trained = world.trained()
    x, y = trained.batch(rows)
    first, last = (trained.task.loss(trained.model(k)(x), y).detach().numpy() for k in (0, -1))
    np.testing.assert_allclose(scored(world, "loss", queries, rows), np.repeat(last[:, None], 3, 1), rtol=1e-9)
    change = scored(world, "loss", queries, rows, of="change")
    np.testing.assert_allclose(change, np.repeat((first - last)[:, None], 3, 1), rtol=1e-7, atol=1e-12)
