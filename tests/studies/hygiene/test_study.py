"""The search as a study, a verb and a file in the same schema."""

import json

import pytest
from typer.testing import CliRunner

from attribution.cli import cli
from attribution.datasets.chat.write import write_rows
from attribution.errors import UserError
from attribution.project.project import Project
from attribution.studies.hygiene.study import HygieneConfig


def record(number, question, answer, **more):
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "number": number, **more}


ROWS = [
    *(
        record(n, f"What is number {n} of {n * n}?", f"That is {7 * n}, as you can see here.", tag="ü")
        for n in range(12)
    ),
    record(12, "What is number 3 of 9?", "That is 21, as you can see here.", tag="ü"),
    record(13, "Why?", ""),
    record(14, "Who?", "Write to jane.doe@acme.io of course."),
]


@pytest.fixture
def project(tmp_path):
    path = tmp_path / "chat.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS))
    return Project.create(tmp_path / "project", str(path), val_fraction=0.1, test_fraction=0.1)


def numbers(path):
    return [json.loads(line)["number"] for line in path.read_text().splitlines()]


def test_findings_name_the_line_and_come_back_by_key(project):
    found = project.studies.hygiene.run()
    table = found.findings
    assert set(table["kind"]) == {"repeat", "empty", "personal"}
    assert table.loc[table["kind"] == "empty", "source"].tolist() == ["line 14"]
    assert table.loc[table["kind"] == "personal", "source"].tolist() == ["line 15"]
    assert set(table.loc[table["kind"] == "repeat", "source"]) < {"line 4", "line 13"}
    assert project.studies.hygiene.run().folder == found.folder
    assert project.studies.hygiene.find(HygieneConfig(near=0.5)) is None
    assert found.verdict.startswith("3 of 15 rows have a finding")


def test_dropping_leaves_one_of_each_repeat(project):
    found = project.studies.hygiene.run()
    rows = found.to_drop(project.labels.active)
    assert len(rows) == 2
    (repeat,) = found.of("repeat").to_dict("records")
    project.drop([repeat["other"]])  # the one that was to stay
    assert repeat["row"] not in found.to_drop(project.labels.active)
    assert "repeat" not in set(found.of("", project.labels.active)["kind"])


def test_only_wanted_kinds_are_looked_for(project):
    found = project.studies.hygiene.run(HygieneConfig(kinds=("personal",)))
    assert set(found.findings["kind"]) == {"personal"}


def test_the_verb_says_drops_and_writes_the_same_schema(project, tmp_path):
    out = tmp_path / "clean.jsonl"
    ran = CliRunner().invoke(cli, ["hygiene", "--project", str(project.folder), "--out", str(out), "--drop"])
    assert ran.exit_code == 0, ran.output
    assert "line 14" in ran.output
    assert "jane.doe" not in ran.output
    kept = [json.loads(line) for line in out.read_text().splitlines()]
    assert all(row == ROWS[row["number"]] for row in kept)
    assert 13 not in numbers(out)
    assert len(kept) == 13
    assert numbers(out) == sorted(numbers(out))
    assert int((~Project.open(project.folder).labels.active).sum()) == 2


def test_nothing_is_overwritten(project, tmp_path):
    active = project.labels.active
    write_rows(project.dataset, active, tmp_path / "a.jsonl")
    with pytest.raises(UserError, match="there already"):
        write_rows(project.dataset, active, tmp_path / "a.jsonl")
    with pytest.raises(UserError, match="JSON lines"):
        write_rows(project.dataset, active, tmp_path / "a.csv")


def test_what_is_no_chat_is_refused_in_words(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("a,b,label\n" + "".join(f"{n},{n % 3},{'xy'[n % 2]}\n" for n in range(40)))
    other = Project.create(tmp_path / "other", str(table))
    with pytest.raises(UserError, match="no chats"):
        other.studies.hygiene.run()
    chats = HygieneConfig(languages=("Klingon",))
    with pytest.raises(UserError):
        other.studies.hygiene.run(chats)


def test_the_headline_tells_nothing_found_from_all_done(project):
    from attribution.views.hygiene import headline

    found = project.studies.hygiene.run()
    assert headline(found, project.labels.active).startswith("3 findings on 3 rows, 2 of them beyond doubt")
    project.drop(found.findings["row"].tolist())
    assert headline(found, project.labels.active) == "Nothing is left to look at."
    none = project.studies.hygiene.run(HygieneConfig(kinds=("token",)))
    assert headline(none, project.labels.active) == "Nothing was found in 15 rows."
