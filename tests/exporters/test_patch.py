"""A patch replays decisions on another copy of the data: checked, whole or not at all, and the same when repeated."""

import json
import shutil

import pandas as pd
import pytest
from exported import archive_project, numbers_project, picture_project, sets_project
from typer.testing import CliRunner

from attribution import Project
from attribution.cli import cli
from attribution.datasets.load import import_data
from attribution.errors import UserError

WORLDS = {"pictures": picture_project, "numbers": numbers_project, "sets": sets_project, "archive": archive_project}


@pytest.fixture(params=WORLDS)
def world(request, tmp_path):
    """A project with decisions and marks, and a fresh one of the same data."""
    project = WORLDS[request.param](tmp_path)[0]
    project.tag([3], "to ask")
    project.note([3], "blurred; ask Ann")
    project.unsure([4])
    fresh = Project.create(tmp_path / "home" / "fresh", project.data_config)
    return project, fresh, project.export("patch", tmp_path / "edits.jsonl")


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def rewrite(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_patch_leads_to_the_same_labels_in_one_batch_once(world):
    project, fresh, path = world
    tried = fresh.apply(path, dry_run=True)
    assert tried.changes == len(lines_of(path)) - 1
    assert fresh.edit_count() == 0
    done = fresh.apply(path)
    assert fresh.labels.version == project.labels.version
    assert fresh.states()["verdict"].to_dict() == {
        row: verdict for row, verdict in project.states()["verdict"].items() if row in fresh.states().index
    }
    pd.testing.assert_frame_equal(fresh.marks(), project.marks())
    assert len({edit.batch for edit in done.edits}) == 1
    again = fresh.apply(path)
    assert (again.changes, again.already, again.edits) == (0, tried.changes, [])
    fresh.undo()
    assert fresh.labels.version == fresh.dataset.base_version().version
    assert fresh.marks().empty


def test_the_kept_tables_follow_a_batch_of_several_kinds(world):
    from attribution.storage import kept
    from attribution.storage.database import connect

    _, fresh, path = world
    fresh.apply(path)
    fresh.undo()
    fresh.redo()
    with connect(fresh.folder / "project.db") as db:
        assert kept.stored(db) == kept.worked_out(db)


def test_conflicts_say_what_is_expected_and_what_is_there_and_nothing_is_written(world):
    _, fresh, path = world
    about, first, second, *rest = lines_of(path)
    fresh.drop([fresh.dataset.row_of(first["id"])])
    rewrite(path, [about, first, {**second, "content": "0" * 16, "verdict": "relabel"}, *rest])
    with pytest.raises(UserError, match="2 samples are not what the patch expects") as said:
        fresh.apply(path)
    assert f"{first['id']}: expects {first['expects']['label']}, undecided; there is" in said.value.what
    assert "(drop)" in said.value.what
    assert f"{second['id']}: expects the content 0000" in said.value.what
    assert fresh.edit_count() == 1
    assert len(fresh.apply(path, dry_run=True).conflicts) == 2


def test_a_sample_is_found_by_its_content_under_another_id(tmp_path):
    project, table = numbers_project(tmp_path)
    path = project.export("patch", tmp_path / "edits.jsonl")
    table.iloc[::-1].to_csv(tmp_path / "turned.csv", index=False)
    config = {**vars(project.data_config), "path": str(tmp_path / "turned.csv")}
    other = Project.create(tmp_path / "home" / "turned", type(project.data_config)(**config))
    done = other.apply(path)
    assert done.moved == done.changes == 2
    mine = dict(zip(project.dataset.hashes, project.labels.values, strict=True))
    assert all(mine[content] == value for content, value in zip(other.dataset.hashes, other.labels.values, strict=True))


def test_a_label_that_cannot_be_here_is_a_conflict(tmp_path):
    project, _ = picture_project(tmp_path)
    path = project.export("patch", tmp_path / "edits.jsonl")
    about, first, *rest = lines_of(path)
    fresh = Project.create(tmp_path / "home" / "fresh", project.data_config)
    rewrite(path, [about, {**first, "label": "../../hats"}, *rest])
    with pytest.raises(UserError, match=r"hats.*Choose one of: boots, shoes"):
        fresh.apply(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no patch"),
        ("{}\n", "is no patch"),
        ('{"datablame_patch": 9}\n', "format 9"),
        ('{"datablame_patch": 1}\n[1]\n', "Line 2 of p.jsonl is no object"),
        ('{"datablame_patch": 1}\n{"id": "a"', "Line 2 of p.jsonl is no JSON"),
        ('{"datablame_patch": 1}\n{"id": "a"}\n', "does not say what the sample must be before"),
        ('{"datablame_patch": 1}\n{"id": 7, "expects": {}}\n', "no text"),
        ('{"datablame_patch": 1}\n{"id": "a", "expects": {}, "verdict": "burn"}\n', "a decision that there is not"),
        ('{"datablame_patch": 1}\n{"id": "a", "expects": {}}\n{"id": "a", "expects": {}}\n', "decides twice"),
        ("\xff", "is no JSON"),
    ],
)
def test_what_is_no_patch_is_refused_by_line(tmp_path, text, said, tiny_project):
    (tmp_path / "p.jsonl").write_text(text)
    with pytest.raises(UserError) as error:
        tiny_project.apply(tmp_path / "p.jsonl")
    assert said in f"{error.value.what} {error.value.why}"


def test_the_verb_shows_conflicts_and_writes_one_batch(world):
    _, fresh, path = world
    run = CliRunner()
    tried = run.invoke(cli, ["apply", str(path), "-p", str(fresh.folder), "--dry-run"])
    assert tried.exit_code == 0, tried.output
    assert "0 conflicts" in tried.output
    assert fresh.edit_count() == 0
    done = run.invoke(cli, ["apply", str(path), "-p", str(fresh.folder)])
    assert "written in one batch" in done.output, done.exception
    fresh.undo()
    fresh.drop([fresh.dataset.row_of(lines_of(path)[1]["id"])])
    refused = run.invoke(cli, ["apply", str(path), "-p", str(fresh.folder)])
    assert "conflict  " in refused.output
    assert isinstance(refused.exception, UserError)
    assert run.invoke(cli, ["apply"]).exception.what.startswith("apply needs one file")


def test_plain_files_are_patched_without_a_project(world, tmp_path):
    project, _, path = world
    own = tmp_path / project.data_config.path.rpartition("/")[2]
    copy = tmp_path / f"copy{own.suffix}"
    (shutil.copytree if own.is_dir() else shutil.copy)(own, copy)
    out = tmp_path / f"out{own.suffix}"
    done = CliRunner().invoke(cli, ["apply", str(path), "--data", str(copy), "--out", str(out)])
    assert done.exit_code == 0, done.exception
    words = project.dataset.task.targets.words(project.labels.values)
    facts = zip(project.dataset.hashes, words, project.labels.active, strict=True)
    wanted = {content: word for content, word, active in facts if active}
    assert words_of(out, project, tmp_path / "again") == wanted
    assert not list(tmp_path.glob(".*"))
    more = tmp_path / f"more{own.suffix}"
    twice = CliRunner().invoke(cli, ["apply", str(path), "--data", str(out), "--out", str(more)])
    assert "0 conflicts" in twice.output, twice.exception
    assert words_of(more, project, tmp_path / "more") == wanted


def words_of(path, project, folder):
    """Target by content hash of what an import of these files finds."""
    config = type(project.data_config)(**{**vars(project.data_config), "path": str(path)})
    found = import_data(config, folder / "data", "again")
    return dict(zip(found.hashes, found.task.targets.words(found.labels), strict=True))


def test_only_what_changed_is_listed_with_why(tmp_path):
    project, _ = picture_project(tmp_path)
    project.tag([5], "later")
    found = pd.read_csv(project.export("changed", tmp_path / "changed.csv"))
    assert found["id"].tolist() == list(project.dataset.ids[:2])
    assert found["reason"].fillna("").tolist() == ["open toe", ""]
    assert found["verdict"].tolist() == ["relabel", "drop"]
    assert len(pd.read_csv(project.export("changed", tmp_path / "all.csv", kept_too=True))) == 4


def test_a_patch_cannot_name_code_to_run(tmp_path):
    project, _ = numbers_project(tmp_path)
    path = project.export("patch", tmp_path / "edits.jsonl")
    (tmp_path / "sly.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\nclass Task: pass\n")
    about, *rest = lines_of(path)
    rewrite(path, [{**about, "read": {**about["read"], "task": f"{tmp_path / 'sly.py'}:Task"}}, *rest])
    words = ["apply", str(path), "--data", str(tmp_path / "prices.csv"), "--out", str(tmp_path / "out.csv")]
    refused = CliRunner().invoke(cli, words)
    assert isinstance(refused.exception, UserError)
    assert "trust" in f"{refused.exception.what} {refused.exception.why} {refused.exception.do}"
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out.csv").exists()
