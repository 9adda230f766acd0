"""What is kept beside the ledger is what going through it again gives, after any sequence of writes; pages of it are
what it holds."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import UserError
from attribution.storage import database, history, kept
from attribution.storage.history import Wanted
from attribution.storage.ledger import Ledger

SAMPLES = [f"s{number}" for number in range(6)]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["relabel", "drop", "keep", "undo", "redo", "revert"]),
        st.lists(st.sampled_from(SAMPLES), min_size=1, max_size=4),
        st.sampled_from(["ada", "Élan"]),
        st.integers(0, 30),
    ),
    max_size=25,
)


def open_ledger(folder):
    database.create(folder / "project.db")
    return Ledger(folder / "project.db", lambda samples: ["none"] * len(samples))


def take(ledger, step):
    action, samples, author, number = step
    try:
        if action in ("undo", "redo"):
            getattr(ledger, action)(author, anyone=number % 3 == 0)
        elif action == "revert":
            ledger.revert(
                [1 + number % max(ledger.last_id(), 1), 1 + (number * 7) % max(ledger.last_id(), 1)], author=author
            )
        else:
            ledger.apply(action, samples, f"class {number % 3}", author=author, reason=f"reason {number}")
    except UserError:
        pass  # changed since, or nothing there: refused whole


def assert_kept(ledger):
    with database.connect(ledger._path) as db:
        assert kept.stored(db) == kept.worked_out(db)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_after_any_sequence_the_kept_tables_are_what_the_ledger_says(tmp_path_factory, steps):
    ledger = open_ledger(tmp_path_factory.mktemp("kept"))
    for step in steps:
        take(ledger, step)
    assert_kept(ledger)
    with database.write(ledger._path) as db:
        before = kept.stored(db)
        kept.rebuild(db)
        assert kept.stored(db) == before


def many_steps(n):
    chance = random.Random(4)
    for _ in range(n):
        action = chance.choice(["relabel", "relabel", "drop", "keep", "undo", "redo", "revert"])
        yield (
            action,
            chance.sample(SAMPLES, chance.randrange(1, 6)),
            chance.choice(["ada", "Élan"]),
            chance.randrange(10**6),
        )


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    """A ledger of thousands of entries."""
    ledger = open_ledger(tmp_path_factory.mktemp("long"))
    for step in many_steps(2500):
        take(ledger, step)
    return ledger


def test_thousands_of_edits_keep_what_they_come_to(long):
    assert long.last_id() > 2000
    assert_kept(long)
    last = {edit.sample: (edit.new, edit.id) for edit in long.entries()}
    assert long.states() == last
    some = long.last_id() // 2
    assert long.states(since=some) == {sample: line for sample, line in last.items() if line[1] > some}
    then = {edit.sample: edit.new for edit in long.entries() if edit.id <= some}
    assert long.states_then(some) == {sample: then.get(sample) for sample, (_, edit) in last.items() if edit > some}


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(("drop",)),
        Wanted(("undo", "redo")),
        Wanted(text="S3"),
        Wanted(text=" éLAN "),
        Wanted(text="reason 1"),
        Wanted(text="%"),
        Wanted(standing=True),
        Wanted(("relabel", "keep"), "ada", True),
    ],
    ids=str,
)
def test_a_page_holds_what_filtering_the_whole_ledger_gives(long, wanted):
    gone, text = long.reverted(), wanted.text.strip().lower()
    found = [
        edit
        for edit in reversed(long.entries())
        if (not wanted.actions or edit.action in wanted.actions)
        and (not text or any(text in word.lower() for word in (edit.sample, edit.reason, edit.author)))
        and (not wanted.standing or (edit.action not in ("undo", "redo") and edit.id not in gone))
    ]
    assert history.number(long._path, wanted) == len(found)
    assert history.page(long._path, wanted) == found
    assert history.page(long._path, wanted, 50, 25) == found[50:75]
    assert bool(found) == (text != "%")


def test_what_can_be_taken_back_alone_and_with_its_batch(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["s0"])
    first, second, third = ledger.apply("drop", ["s1", "s2", "s3"])
    ledger.revert([second.id])
    path = tmp_path / "project.db"
    assert history.standing(path, [1, first.id, second.id, 5, 77]) == [first.id, 1]
    assert history.together(path, [first.id]) == [third.id, first.id]
    assert history.together(path, []) == []
