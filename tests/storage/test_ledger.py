"""The ledger: append-only, undo and redo over restarts, conflicts, and survival of a kill."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import UserError
from attribution.storage import database, selections
from attribution.storage.ledger import Ledger
from attribution.storage.states import State
from attribution.storage.states import read as _state

SAMPLES = ["a", "b", "c"]


def open_ledger(folder: Path) -> Ledger:
    database.create(folder / "project.db")
    return Ledger(folder / "project.db", lambda samples: [f"class {SAMPLES.index(sample)}" for sample in samples])


def state_of(ledger: Ledger) -> dict[str, State]:
    return {sample: ledger.state(sample)[0] for sample in SAMPLES}


def test_a_decision_is_an_entry_with_evidence_and_both_states(tmp_path):
    ledger = open_ledger(tmp_path)
    (edit,) = ledger.apply("relabel", ["b"], "coat", reason="looks like a coat", evidence={"rank": 3})
    assert (edit.old, edit.new) == (State("class 1"), State("coat", True, "relabel"))
    (stored,) = ledger.entries()
    assert stored == edit
    assert stored.evidence == {"rank": 3}


def test_a_decision_that_changes_nothing_leaves_no_entry(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["a"])
    assert ledger.apply("drop", ["a"]) == []


def test_undo_and_redo_work_on_whole_batches_after_a_restart(tmp_path):
    open_ledger(tmp_path).apply("drop", ["a", "b"])
    open_ledger(tmp_path).apply("relabel", ["a"], "class 2")
    assert [edit.sample for edit in open_ledger(tmp_path).undo()] == ["a"]
    assert [edit.sample for edit in open_ledger(tmp_path).undo()] == ["b", "a"]
    assert open_ledger(tmp_path).undo() == []
    assert state_of(open_ledger(tmp_path)) == {"a": State("class 0"), "b": State("class 1"), "c": State("class 2")}
    open_ledger(tmp_path).redo()
    assert not open_ledger(tmp_path).state("b")[0].active
    open_ledger(tmp_path).redo()
    assert open_ledger(tmp_path).state("a")[0] == State("class 2", True, "relabel")
    assert open_ledger(tmp_path).redo() == []


def test_a_new_decision_ends_what_could_be_redone(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["a"])
    ledger.undo()
    ledger.apply("keep", ["b"])
    assert ledger.redo() == []


def test_reverting_part_of_a_batch_leaves_the_rest_to_undo(tmp_path):
    ledger = open_ledger(tmp_path)
    first, _ = ledger.apply("drop", ["a", "b"])
    ledger.revert([first.id])
    assert ledger.state("a")[0].active
    assert ledger.reverted() == {first.id}
    assert [edit.sample for edit in ledger.undo()] == ["b"]


def test_undone_and_redone_decisions_stand(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["a"])
    ledger.undo()
    ledger.redo()
    assert ledger.reverted() == set()
    ledger.undo()
    assert ledger.reverted() == {1}


def test_a_write_on_a_sample_that_changed_since_is_refused_whole(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("relabel", ["b"], "coat")
    with pytest.raises(UserError, match=r"b was changed by you at .*now: coat, in use; ledger entry 1"):
        ledger.apply("drop", ["a", "b"], expect={"a": 0, "b": 0})
    assert ledger.state("a")[0].active


def test_a_revert_under_a_newer_decision_is_refused(tmp_path):
    ledger = open_ledger(tmp_path)
    (first,) = ledger.apply("relabel", ["b"], "coat")
    ledger.apply("drop", ["b"])
    with pytest.raises(UserError, match="changed"):
        ledger.revert([first.id])
    with pytest.raises(UserError, match="no entry 99"):
        ledger.revert([99])


def test_entries_can_be_neither_changed_nor_deleted(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["a"])
    with database.connect(tmp_path / "project.db") as db:
        for statement in ("UPDATE edits SET sample='b'", "DELETE FROM edits"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                db.execute(statement)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["relabel", "drop", "keep", "tag", "untag", "note", "unsure", "sure", "undo", "redo"]),
            st.sampled_from(SAMPLES),
            st.integers(0, 4),
        ),
        max_size=14,
    )
)
def test_any_sequence_of_decisions_undo_and_redo_matches_a_plain_stack(tmp_path_factory, steps):
    ledger = open_ledger(tmp_path_factory.mktemp("ledger"))
    done, undone = [state_of(ledger)], []
    for action, sample, label in steps:
        if action == "undo":
            made = ledger.undo()
            assert bool(made) == (len(done) > 1)
            if made:
                undone.append(done.pop())
        elif action == "redo":
            made = ledger.redo()
            assert bool(made) == bool(undone)
            if made:
                done.append(undone.pop())
        elif ledger.apply(
            action, [sample], f"class {label}" if action in ("relabel", "tag", "untag", "note") else None
        ):
            done.append(state_of(ledger))
            undone.clear()
        assert state_of(ledger) == done[-1]


def test_a_saved_edit_survives_kill_9(tmp_path):
    open_ledger(tmp_path)
    program = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from attribution.storage.ledger import Ledger
        ledger = Ledger(Path({str(tmp_path)!r}) / "project.db", lambda samples: ["none"] * len(samples))
        for number in range(10_000):
            ledger.apply("relabel", ["a"], str(number))
            print(number, flush=True)
    """)
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    said = [int(process.stdout.readline()) for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    said += [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    kept = [edit.new.label for edit in open_ledger(tmp_path).entries()]
    assert kept[: len(said)] == [str(number) for number in said]
    assert len(kept) - len(said) in (0, 1)  # the one that was written but not yet said


def test_selections_come_back_by_token(tmp_path):
    path = tmp_path / "project.db"
    database.create(path)
    token = selections.save(path, [5, 3, 5], "v1", "the odd ones")
    rows, version = selections.load(path, token)
    assert (rows.tolist(), version) == ([3, 5], "v1")
    assert selections.save(path, [3, 5], "v1") == token
    assert selections.named(path) == [(token, "the odd ones", 2)]
    with pytest.raises(UserError, match="'nope'"):
        selections.load(path, "nope")


def test_large_selections_are_packed_and_come_back_whole(tmp_path):
    path = tmp_path / "project.db"
    database.create(path)
    rows = np.unique(np.random.default_rng(0).integers(0, 10**6, 60_000))
    for part in (rows, rows[: selections.PLAIN], rows[: selections.PLAIN + 1]):
        token = selections.save(path, np.flip(part), "v1", f"{len(part)}")
        np.testing.assert_array_equal(selections.load(path, token)[0], part)
        assert selections.named(path)[0] == (token, f"{len(part)}", len(part))
    assert selections.save(path, [], "v1")


def test_a_bulk_decision_is_taken_back_and_brought_back_whole(tmp_path):
    many = [f"s{number:04d}" for number in range(1234)]
    database.create(tmp_path / "project.db")
    ledger = Ledger(tmp_path / "project.db", lambda samples: [str(int(sample[1:]) % 3) for sample in samples])
    (first,) = ledger.apply("drop", [many[5]])
    made = ledger.apply("relabel", [*many, *many], "1", evidence={"rank": 1})
    assert [edit.sample for edit in made] == many
    assert [edit.id for edit in made] == list(range(first.id + 1, first.id + 1 + len(many)))
    assert ledger.entries()[1:] == made
    assert {edit.old for edit in made} == {State("0"), State("1"), State("2"), State("2", False, "drop")}
    taken = ledger.undo()
    assert [edit.reverts for edit in taken] == [edit.id for edit in reversed(made)]
    assert ledger.reverted() == {edit.id for edit in made}
    assert ledger.states()[many[5]][0] == State("2", False, "drop")
    assert len(ledger.redo()) == len(many)
    assert ledger.reverted() == set()
    assert len(ledger.revert([edit.id for edit in made])) == len(many)
    assert ledger.state(many[7])[0] == State("1")


def test_a_bulk_decision_with_one_conflict_writes_nothing(tmp_path):
    many = [f"s{number:04d}" for number in range(1234)]
    database.create(tmp_path / "project.db")
    ledger = Ledger(tmp_path / "project.db", lambda samples: ["none"] * len(samples))
    ledger.apply("keep", [many[-1]])
    with pytest.raises(UserError, match="s1233 was changed"):
        ledger.apply("drop", many, expect=dict.fromkeys(many, 0))
    with pytest.raises(UserError, match="no entry 9999"):
        ledger.revert([1, 9999])
    assert ledger.last_id() == 1


def test_a_bulk_decision_killed_half_way_leaves_nothing(tmp_path):
    open_ledger(tmp_path)
    program = textwrap.dedent(f"""
        import os
        from pathlib import Path
        from attribution.storage import ledger
        whole = ledger._append
        def killed(*arguments):
            whole(*arguments)
            os.kill(os.getpid(), 9)
        ledger._append = killed
        of = ledger.Ledger(Path({str(tmp_path)!r}) / "project.db", lambda samples: ["none"] * len(samples))
        of.apply("drop", [f"s{{number}}" for number in range(2000)])
    """)
    assert subprocess.run([sys.executable, "-c", program]).returncode == -signal.SIGKILL
    assert open_ledger(tmp_path).entries() == []
    assert len(open_ledger(tmp_path).apply("drop", ["a"])) == 1


def test_one_batch_can_give_every_sample_its_own_label(tmp_path):
    ledger = open_ledger(tmp_path)
    made = ledger.apply("relabel", ["a", "b", "c"], {"a": "five", "b": "six", "c": "five"})
    assert len({edit.batch for edit in made}) == 1
    assert [edit.new.label for edit in made] == ["five", "six", "five"]
    assert len(ledger.undo()) == 3
    assert all(not state.verdict for state, _ in ledger.states().values())


def test_undo_takes_back_the_newest_decision_of_the_same_author(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["a"], author="ada")
    ledger.apply("keep", ["b"], author="ben")
    assert ledger.undo(author="cleo") == []
    assert [edit.sample for edit in ledger.undo(author="ada")] == ["a"]
    assert [edit.sample for edit in ledger.undo(author="cleo", anyone=True)] == ["b"]
    assert ledger.redo(author="ben") == []  # cleo took it back, and only cleo brings it back unasked
    assert [edit.sample for edit in ledger.redo(author="ada")] == ["a"]
    assert [edit.sample for edit in ledger.redo(author="ben", anyone=True)] == ["b"]


def test_a_sample_that_waits_for_a_label_is_not_said_to_be_dropped(tmp_path):
    ledger = Ledger(open_ledger(tmp_path)._path, lambda samples: [""] * len(samples))
    ledger.apply("drop", ["a"], author="ada")
    with pytest.raises(UserError, match="now: no label, dropped; ledger entry 1"):
        ledger.apply("relabel", ["a"], "coat", expect={"a": 0})
    ledger.undo(author="ada")
    with pytest.raises(UserError, match="now: no label, waiting for one; ledger entry 2"):
        ledger.apply("relabel", ["a"], "coat", expect={"a": 1})


def test_a_decision_of_another_author_does_not_end_what_can_be_redone(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["a"], author="ada")
    ledger.undo(author="ada")
    ledger.apply("keep", ["b"], author="ben")
    assert len(ledger.redo(author="ada")) == 1


def test_undo_of_a_decision_that_another_author_changed_since_is_refused(tmp_path):
    ledger = Ledger(
        open_ledger(tmp_path)._path, lambda samples: ["coat"] * len(samples), {"a": "test", "b": "train"}.get
    )
    ledger.apply("drop", ["a"], author="ada")
    ledger.apply("relabel", ["a"], "shirt", author="ben")
    with pytest.raises(
        UserError,
        match=r"a was changed by ben .*after entry 1 .*now: shirt, in the test set; ledger entry 2.*Take back "
        r"entry 2 first",
    ):
        ledger.undo(author="ada")
    with pytest.raises(UserError, match=r"changed by ben .*since it was shown"):
        ledger.apply("drop", ["a"], expect={"a": 1}, author="ada")
    assert ledger.last_id() == 2


def test_a_decision_that_was_brought_back_can_be_taken_back_by_its_own_number_and_undone_no_more(tmp_path):
    ledger = open_ledger(tmp_path)
    (first,) = ledger.apply("drop", ["a"])
    ledger.undo()
    (again,) = ledger.redo()
    (taken,) = ledger.revert([first.id])
    assert (taken.reverts, ledger.reverted()) == (again.id, {first.id})
    assert ledger.undo() == []
    for entry, words in (
        (first.id, "taken back already"),
        (again.id, "taken back already"),
        (taken.id, "not one itself"),
    ):
        with pytest.raises(UserError, match=words):
            ledger.revert([entry])


def test_an_entry_whose_evidence_or_state_is_broken_does_not_hide_the_others(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("drop", ["a"])
    with database.write(tmp_path / "project.db") as db:
        state = '{"active": true, "label": "coat", "verdict": ""}'
        db.execute(
            "INSERT INTO edits VALUES (?,?,?,?,?,?,?,?,?,?,?)",
            (2, 0.0, "x", "b", "keep", state, state, "", "{cut", "other", None),
        )
    assert [edit.evidence for edit in ledger.entries()] == [{}, {"unreadable": "{cut"}]
    with database.write(tmp_path / "project.db") as db:
        db.execute(
            'INSERT INTO edits SELECT 3, time_s, author, sample, action, old, \'{"label": "coat", "mood": '
            "1}', '', '{}', 'c', NULL FROM edits WHERE id = 1"
        )
    with pytest.raises(UserError, match=r"mood.*newer Datablame"):
        ledger.entries()
    for wrong in (
        '{"label": 3}',
        '{"label": "coat", "verdict": "burn"}',
        '{"label": "coat", "active": "yes"}',
        "[]",
        "{",
    ):
        with pytest.raises(UserError, match="a state that cannot be read"):
            _state(wrong)


def test_a_selection_that_is_broken_is_said_and_hides_no_other(tmp_path):
    path = tmp_path / "project.db"
    database.create(path)
    token = selections.save(path, [1, 2], "v1", "whole")
    with database.write(path) as db:
        for name, rows in (("a", "[1,"), ("b", "packed 3 xx"), ("c", "packed"), ("d", "7")):
            db.execute("INSERT INTO selections VALUES (?,0,?,'v1',?)", (name, name, rows))
    assert (token, "whole", 2) in selections.named(path)
    for name in "abcd":
        with pytest.raises(UserError, match="is damaged"):
            selections.load(path, name)


def test_marks_change_no_label_and_are_taken_back_like_decisions(tmp_path):
    ledger = open_ledger(tmp_path)
    ledger.apply("tag", ["a", "b"], "to ask")
    ledger.apply("tag", ["a"], "blurred")
    ledger.apply("note", ["a"], "two sleeves?")
    (put_off,) = ledger.apply("unsure", ["a"])
    assert ledger.state("a")[0] == State("class 0", True, "", ("blurred", "to ask"), "two sleeves?", True)
    assert ledger.apply("tag", ["b"], "to ask") == []
    assert ledger.apply("keep", ["a"])[0].new == put_off.new._replace(verdict="keep", unsure=False)
    assert ledger.undo()[0].new == put_off.new
    for _ in range(3):
        ledger.undo()
    assert ledger.state("a")[0] == State("class 0", True, "", ("to ask",))
    ledger.redo()
    assert ledger.state("a")[0].tags == ("blurred", "to ask")


def test_a_decision_and_a_mark_on_one_sample_are_taken_back_apart(tmp_path):
    ledger = open_ledger(tmp_path)
    (decision,) = ledger.apply("relabel", ["a"], "coat")
    (tag,) = ledger.apply("tag", ["a"], "to ask")
    ledger.apply("tag", ["a"], "dark")
    ledger.revert([decision.id])
    assert ledger.state("a")[0] == State("class 0", True, "", ("dark", "to ask"))
    ledger.revert([tag.id])
    assert ledger.state("a")[0].tags == ("dark",)
    with pytest.raises(UserError, match="since it was shown"):
        ledger.apply("note", ["a"], "late", expect={"a": tag.id})


def test_a_note_that_was_written_over_is_not_taken_back_under_the_new_one(tmp_path):
    ledger = open_ledger(tmp_path)
    (first,) = ledger.apply("note", ["a"], "one")
    ledger.apply("note", ["a"], "two")
    with pytest.raises(UserError, match="after entry 1"):
        ledger.revert([first.id])


def test_states_without_marks_are_written_as_before_there_were_any():
    from attribution.storage.states import written

    assert written(State("coat", True, "keep")) == '{"active": true, "label": "coat", "verdict": "keep"}'
    marked = State("coat", True, "", ("a", "b"), "why", True)
    assert _state(written(marked)) == marked
