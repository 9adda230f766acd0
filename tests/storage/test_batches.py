"""The ledger by batch: what was decided in one go, filtered, counted, and how much of it stands."""

from attribution.storage import batches, database
from attribution.storage.history import Wanted
from attribution.storage.ledger import Ledger


def made(folder):
    path = folder / "project.db"
    database.create(path)
    ledger = Ledger(path, lambda samples: [f"class {int(sample[1:]) % 3}" for sample in samples])
    many = [f"s{number}" for number in range(60)]
    ledger.apply("drop", many, reason="selected on the map")
    ledger.apply("relabel", ["s1", "s2"], {"s1": "a", "s2": "b"})
    ledger.apply("tag", ["s3"], "to ask")
    return path, ledger


def test_a_batch_is_one_line_with_how_many_and_what_it_led_to(tmp_path):
    path, _ = made(tmp_path)
    found = batches.page(path, Wanted(), 0, 10)
    assert [(one.action, one.n, one.gone) for one in found] == [("tag", 1, 0), ("relabel", 2, 0), ("drop", 60, 0)]
    assert [len(one.kinds) for one in found] == [1, 2, 3]
    assert [edit.sample for edit in found[2].shown] == [f"s{number}" for number in range(batches.SHOWN)]
    assert batches.number(path, Wanted()) == 3
    assert [one.first for one in batches.page(path, Wanted(), 1, 1)] == [61]


def test_a_filter_finds_the_batches_that_hold_an_entry_of_it(tmp_path):
    path, _ = made(tmp_path)
    assert [one.first for one in batches.page(path, Wanted(text="s59"), 0, 10)] == [1]
    assert [one.action for one in batches.page(path, Wanted(actions=("tag", "relabel")), 0, 10)] == ["tag", "relabel"]
    assert batches.number(path, Wanted(text="nobody")) == 0


def test_what_is_taken_back_since_is_counted_anew(tmp_path):
    path, ledger = made(tmp_path)
    ledger.revert([1 + 10, 1 + 11])
    assert batches.page(path, Wanted(actions=("drop",)), 0, 1)[0].gone == 2
    ledger.undo()
    assert batches.page(path, Wanted(), 0, 1)[0].action == "undo"
    assert batches.number(path, Wanted(standing=True)) == 2
