"""Taking the suggestion for many at once: which, and how many of them are wrong."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from studied import flag
from tiny_world import CLASSES, N_TRAIN, World, build

from attribution.project import lookup
from attribution.studies.mislabels import bulk
from attribution.studies.mislabels.bulk import surest
from attribution.studies.mislabels.held_out import words
from attribution.studies.mislabels.result import FlagResult
from attribution.studies.mislabels.study import FlagConfig

NOTHING = pd.DataFrame({"label": [], "active": [], "verdict": [], "edit": []}, index=pd.Index([], dtype=np.int64))
TRUE = np.arange(N_TRAIN) % CLASSES  # how the world was made


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return build(tmp_path_factory.mktemp("bulk"))


@pytest.fixture(scope="module")
def found(world, tmp_path_factory) -> FlagResult:
    config = FlagConfig(folds=3, neighbors=7, cases=0, device="cpu")
    return flag(world.dataset, world.labels, world.run, config, tmp_path_factory.mktemp("flags"))


def states(rows, labels, verdict, active=True):
    return pd.DataFrame({"label": labels, "active": active, "verdict": verdict, "edit": range(len(rows))}, index=rows)


def ask(found, decided=NOTHING, labels=None, **more):
    rows = found.order if labels is None else lookup.undecided(found, decided, labels)
    return surest(found, rows, lookup.decisions(found, decided), **more)


def wrong_in(batch):
    return sum(int(value) != TRUE[row] for row, value in batch.suggested.items())


def test_the_surest_come_in_the_queues_order_and_the_interval_holds_the_truth(world, found):
    batch = ask(found, labels=world.labels, n=10)
    assert batch.rows.tolist() == [row for row in found.order if row in batch.suggested][:10]
    assert batch.suggested == {row: found.entry(row)["suggested"] for row in batch.rows}
    assert batch.wrong.low <= wrong_in(batch) <= batch.wrong.high
    everything = ask(found, labels=world.labels)
    assert everything.wrong.low <= wrong_in(everything) <= everything.wrong.high
    assert f"the {len(everything):,} surest: about" in everything.sentence()


def test_a_risk_takes_only_so_many_and_a_lower_one_fewer(world, found):
    bold, careful = (ask(found, labels=world.labels, risk=risk) for risk in (0.8, 0.6))
    assert 0 < len(careful) < len(bold) < N_TRAIN
    assert bold.wrong.estimate <= 0.85 * len(bold)
    none = ask(found, labels=world.labels, risk=1e-9)
    assert not len(none)
    assert none.sentence() == "No suggestion is open that is as sure as that."


def test_what_is_decided_leaves_the_batch(world, found):
    rows = ask(found, labels=world.labels, n=8).rows.tolist()
    batch = ask(found, states(rows, world.labels.values[rows], "keep"), world.labels, n=20)
    assert not np.isin(rows, batch.rows).any()
    assert batch.decided == 8


def test_a_checked_dozen_moves_the_estimate_and_narrows_it():
    n = 600
    table = pd.DataFrame({"row": range(n), "position": range(1, n + 1), "suggested": 2.0, "suggested_high": 3.0})
    queue = SimpleNamespace(detectors=table, places=np.asarray, estimate={"low": 60, "mid": 100, "high": 150})
    queue.suspects, queue.units = 150, SimpleNamespace(kind="number")
    checked = np.arange(3, 75, 6)

    def after(wrong):
        decided = {"position": checked + 1, "wrong": wrong, "taken": wrong, "other": ~wrong}
        return surest(queue, np.setdiff1d(np.arange(n), checked), decided, n=68).wrong

    nothing = {name: np.zeros(0, int) for name in ("position", "wrong", "taken", "other")}
    before = surest(queue, np.arange(n), nothing, n=80).wrong
    all_wrong, half_wrong = after(np.ones(12, bool)), after(np.arange(12) % 2 == 0)
    assert all_wrong.estimate + 10 < half_wrong.estimate
    assert all_wrong.high - all_wrong.low < before.high - before.low
    assert surest(queue, np.arange(n), nothing, n=80).half == 1.0


def test_dropped_samples_and_suggestions_that_stand_already_are_not_open(world, found):
    first = int(found.order[0])
    labels = world.labels
    values, active = labels.values.copy(), labels.active.copy()
    values[first] = found.entry(first)["suggested"]
    active[found.order[1]] = False
    changed = type(labels).of(world.dataset, values, active)
    assert not np.isin(found.order[:2], lookup.undecided(found, NOTHING, changed)).any()


def test_decisions_say_what_became_of_the_suggestion(world, found):
    rows = found.order[:4].tolist()
    given = world.labels.values[rows]
    suggested = [int(found.entry(row)["suggested"]) for row in rows]
    other = next(value for value in range(CLASSES) if value not in (given[1], suggested[1]))
    decided = states(rows, [suggested[0], other, given[2], given[3]], "relabel", [True, True, True, False])
    seen = lookup.decisions(found, decided)
    assert seen["taken"].tolist() == [True, False, False, False]
    assert seen["other"].tolist() == [False, True, False, False]
    assert seen["wrong"].tolist() == [True, True, False, True]


def test_other_answers_than_the_suggestion_lower_the_trust_in_it():
    belief = np.full(50, 0.9)
    empty = {"taken": np.zeros(0, bool), "other": np.zeros(0, bool)}
    against = {"taken": np.zeros(10, bool), "other": np.ones(10, bool)}
    usual, doubted = (bulk.agreement(belief, decided, None, 400, 0).mean() for decided in (empty, against))
    assert usual == pytest.approx(0.9, abs=0.02)
    assert doubted == pytest.approx(18 / 30, abs=0.03)  # twenty decisions' worth of belief and ten against it
    assert (bulk.agreement(np.ones(5), against, None, 400, 0) == 1).all()  # two classes: nothing else can be right


def test_the_dozen_is_random_and_stays_as_samples_leave(world, found):
    batch = ask(found, labels=world.labels, n=40)
    dozen = batch.dozen()
    assert len(dozen) == 12
    assert np.isin(dozen, batch.rows).all()
    assert (batch.dozen() == dozen).all()
    assert set(dozen) != set(batch.dozen(seed=1))
    smaller = bulk.Surest(batch.rows[batch.rows != dozen[0]], batch.suggested, batch.wrong, 1, False)
    assert set(dozen[1:]) <= set(smaller.dozen())


def test_held_out_words_are_bayes_rule_where_models_are_calibrated():
    chance = np.random.default_rng(0)
    p = chance.dirichlet(np.full(3, 0.5), 20_000)
    true = (p.cumsum(1) > chance.random((len(p), 1))).argmax(1)
    flip = chance.random(len(p)) < 0.1
    given = np.where(flip, (true + chance.integers(1, 3, len(p))) % 3, true)
    others = p.copy()
    others[np.arange(len(p)), given] = -1
    suggested = others.argmax(1)
    said, if_wrong = words(p, given, suggested, np.arange(len(p)), 0.1)
    for low, high in ((0.0, 0.2), (0.2, 0.6), (0.6, 1.0)):
        inside = (said >= low) & (said < high)
        assert (suggested == true)[inside].mean() == pytest.approx(said[inside].mean(), abs=0.04)
    wrong = given != true
    assert (suggested == true)[wrong].mean() == pytest.approx(if_wrong[wrong].mean(), abs=0.03)
