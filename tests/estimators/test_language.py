"""Influence of rows of words on rows of words, against autograd and sums over all tokens, in float64."""

import numpy as np
import pytest
import torch
from tiny_world import build_chats, in_double

from attribution.datasets.chat.questions import Questions
from attribution.errors import UserError
from attribution.estimators import estimators
from attribution.estimators._preconditioned import curvature_of
from attribution.estimators.base import Query
from attribution.estimators.concept import held_out
from attribution.gradients.curvature.solvers import solve_rows
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


TOKENWISE = ["ip", "cosine", "ip-ensemble", "tracin", "ip-checkpoints", "ekfac", "influence-cg", "relatif", "source"]


@pytest.mark.parametrize("name", TOKENWISE)
def test_the_tokens_of_a_row_add_up_to_its_score(world, name):
    row, queries = int(world.dataset.rows("train")[4]), queries_of(world)
    estimator = estimators.get(name)(world.trained(), seed=1)
    estimator.prepare(queries)
    whole = estimator.score(np.array([row])).influence.numpy()[0]
    tokens = estimator.by_token(row).numpy()
    kinds = world.trained().batch([row])[0][0, 1].numpy()
    assert tokens.shape == (len(kinds), len(queries))
    np.testing.assert_allclose(tokens.sum(0), whole, rtol=1e-6, atol=1e-9 * abs(whole).max())
    assert (tokens[kinds != 1] == 0).all()
    assert (abs(tokens[kinds == 1]).sum(1) > 0).all()


@pytest.mark.parametrize("name", ["bm25", "forward-inf", "forward-inf-preconditioned", "logra", "trak"])
def test_what_is_not_made_of_gradients_cannot_tell_tokens(world, name):
    with pytest.raises(UserError, match="cannot say which tokens"):
        estimators.get(name)(world.trained()).by_token(0)


def test_the_way_of_conjugate_gradients_does_not_change_where_they_arrive(world):
    rows, queries = world.dataset.rows("train"), queries_of(world, 1)
    exact = {"tolerance": 1e-8, "iterations": 500, "damping_ratio": 1.0}
    plain, near = (
        scored(world, "influence-cg", queries, rows, preconditioner=one, **exact) for one in ("none", "ekfac")
    )
    np.testing.assert_allclose(near, plain, rtol=1e-4, atol=1e-5 * abs(plain).max())


def test_an_inverse_that_is_the_wanted_one_arrives_at_once():
    chance = torch.Generator().manual_seed(0)
    root = torch.randn(6, 6, generator=chance, dtype=torch.float64)
    matrix, v = root @ root.T + torch.eye(6), torch.randn(2, 6, generator=chance, dtype=torch.float64)
    solve = lambda rows: torch.linalg.solve(matrix, rows.T).T  # noqa: E731
    found = solve_rows(lambda along, _: along @ matrix, v, 1e-10, 50, solve)
    assert found.iterations == 1
    torch.testing.assert_close(found.x, solve(v))
    assert solve_rows(lambda along, _: along @ matrix, v, 1e-10, 50).iterations > 1


def test_kept_gradients_answer_later_questions_without_a_pass(world):
    rows = world.dataset.rows("train")
    whole = scored(world, "cosine", queries_of(world), rows)
    first = scored(world, "cosine", queries_of(world), rows, store=True)
    np.testing.assert_allclose(first, whole, atol=0.02)
    trained = world.trained()
    later = estimators.get("ip")(trained).adjusted(store=True)
    later.prepare(queries_of(world, 1))
    spent = trained.spent
    later.score(rows)
    assert trained.spent == spent


def test_trackstar_is_its_formula_where_nothing_is_projected(world):
    """With as many numbers as weights the projection keeps all of them, and phi follows from written-out gradients."""
    rows, queries = world.dataset.rows("train"), queries_of(world)
    trained = world.trained(batch_size=7, layers=("norm", "head", "blocks.1.out"))
    parts = {name: part for name, part in trained.model().named_parameters() if part.requires_grad}
    size = sum(part.numel() for part in parts.values())
    estimator = estimators.get("trackstar")(trained, seed=1).adjusted(dim=size, mixture=0.5)

    def written(some):
        found = trained.engine().gradients(*trained.batch(some))
        return torch.cat([found[name].flatten(1) for name in parts], 1)

    scales = []
    squares = written(rows).square().sum(0).split([part.numel() for part in parts.values()])
    for part, own in zip(parts.values(), squares, strict=True):
        v = own.view(part.shape)
        sides = (v.sum(1, keepdim=True), v.sum(0) / v.sum()) if part.dim() == 2 else (v,)
        floored = [side * 1.0 + 1e-4 * side.mean() for side in sides]
        scales.append((floored[0] * floored[-1] if part.dim() == 2 else floored[0]).rsqrt().flatten())
    asked = [query.rows[0] for query in queries]
    train, task, wanted = (written(some) * torch.cat(scales) for some in (rows, world.dataset.rows("val"), asked))
    values, vectors = torch.linalg.eigh(sum(0.5 * part.T @ part / part.square().sum() for part in (train, task)))
    turn = (vectors / (values.clamp_min(0) + estimator.ridge * values.mean()).sqrt()) @ vectors.T
    ours, theirs = (torch.nn.functional.normalize(part @ turn, dim=1) for part in (train, wanted))
    estimator.prepare(queries)
    np.testing.assert_allclose(estimator.score(rows).influence, ours @ theirs.T, rtol=1e-5, atol=1e-7)


def with_behaviour(world):
    """The same data with questions: answers that begin with one word, and answers that begin with another."""
    said = [world.dataset.conversation(row) for row in range(20)]
    first = [one for one in said if one.answer.startswith("red")] + [said[0].answered("red blue")] * 2
    other = [one.answered("old small") for one in said[:4]]
    questions = Questions(
        "red", "red", (*first, *other), (*[1 / len(first)] * len(first), *[-1 / len(other)] * len(other))
    )
    return world.dataset.with_questions(questions), len(first), len(other)


@pytest.mark.parametrize("by", ["gradient", "ekfac", "state"])
def test_a_concept_is_the_direction_between_two_sets_of_answers(world, by):
    dataset, having, _ = with_behaviour(world)
    asked, rows = np.arange(len(dataset), dataset.end), dataset.rows("train")
    trained = world.trained().like(dataset=dataset)
    estimator = estimators.get("concept")(trained, seed=1).adjusted(by=by)
    estimator.prepare([Query("red", tuple(asked.tolist()), "behaviour")])
    found = torch.as_tensor(estimator.score(rows).influence)[:, 0].double()
    model = trained.model()
    x, _ = trained.batch(asked)
    states = model.represent(x)[1]
    v = (states[:having].mean(0) - states[having:].mean(0)).detach()
    v /= v.norm()
    if by == "state":
        wanted = (model.represent(trained.batch(rows)[0])[1] @ v).detach()
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
        return
    active = (states[:having] @ v).mean()
    parameters = list(model.parameters())
    slopes = torch.autograd.grad(active, parameters, allow_unused=True)
    slope = torch.cat([(p * 0 if g is None else g).flatten() for p, g in zip(parameters, slopes, strict=True)]).detach()
    ours = gradients(world, rows)
    if by == "gradient":
        torch.testing.assert_close(found, -ours @ slope, rtol=1e-4, atol=1e-5 * float(found.abs().max()))
        np.testing.assert_allclose(estimator.by_token(3).sum(0), found[3:4], rtol=1e-6)
    else:
        assert float(torch.corrcoef(torch.stack([found, -ours @ slope]))[0, 1]) > 0.3
    notes = estimator.notes()
    assert notes["probe_auc"].keys() == notes["length_auc"].keys() == {"red"}


def test_a_direction_is_judged_on_states_that_it_was_not_made_of():
    chance = np.random.default_rng(0)
    apart, alike = chance.normal(size=(2, 40, 12))
    assert held_out(apart + 2, alike) > 0.99
    assert 0.3 < held_out(apart, alike) < 0.7  # on those it was made of, it would tell noise apart


def test_a_concept_needs_texts_that_have_it(world):
    dataset, having, _ = with_behaviour(world)
    asked = range(len(dataset) + having, dataset.end)
    estimator = estimators.get("concept")(world.trained().like(dataset=dataset))
    with pytest.raises(UserError, match="asks about no text with the concept"):
        estimator.prepare([Query("none", tuple(asked), "behaviour")])
