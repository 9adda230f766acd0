"""The keys of every page are in the documentation, and Review's marks and Enter lead where they say."""

import re
from pathlib import Path

import pytest

from pages.parts import unlabelled

ROOT = Path(__file__).resolve().parents[2]
TAKEN = re.compile(r'shortcut="([^"]+)"')
LISTENED = re.compile(r'"([a-z0-9])": "[a-z-]+"')


def documented():
    table = (ROOT / "docs" / "deciding.md").read_text(encoding="utf-8")
    return set(
        re.findall(
            r"`([^`\n]{1,12})`", "\n".join(line.split("|")[1] for line in table.splitlines() if "| `" in line[:3])
        )
    )


def test_every_key_that_a_page_takes_is_in_the_table_of_keys():
    source = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "pages").rglob("*.py")))
    taken = {key.upper() for key in LISTENED.findall(source)} | set(TAKEN.findall(source))
    known = {key.upper() for key in documented()} | {str(digit) for digit in range(10)}
    assert {"K", "X", "U", "N", "T"} <= taken
    assert {key for key in taken if key.upper() not in known} == set()
    assert set(unlabelled.KEYS) <= {key.lower() for key in known}


@pytest.mark.parametrize(("field", "value", "column", "shown"), [("note-", "two sleeves?", "note", "two sleeves?")])
def test_a_note_on_review_is_written_at_once(app, tiny_project, field, value, column, shown):
    test = app("review", project="digits")
    (key,) = [one.key for one in test.text_input if one.key.startswith(field)]
    test.text_input(key=key).set_value(value).run()
    assert not test.exception
    assert tiny_project.marks()[column].tolist() == [shown]
    assert tiny_project.labels.version == tiny_project.dataset.base_version().version


def test_a_tag_is_put_on_and_taken_off_where_a_sample_is_reviewed(app, tiny_project):
    tiny_project.tag([0], "to ask")
    test = app("review", project="digits")
    (key,) = [one.key for one in test.multiselect if one.key.startswith("tags-")]
    test.multiselect(key=key).set_value(["to ask"]).run()
    row = int(key.split("-")[-2])
    assert tiny_project.marks()["tags"][row] == ("to ask",)
    (key,) = [one.key for one in test.multiselect if one.key.startswith("tags-")]
    test.multiselect(key=key).set_value([]).run()
    assert not test.exception
    assert row not in tiny_project.marks().index


def test_unsure_moves_on_and_comes_back_at_the_end(app, tiny_project, press):
    test = app("review", project="digits")
    first = next(button.key for button in test.button if (button.key or "").startswith("keep-"))
    press(test, "unsure-")
    second = next(button.key for button in test.button if (button.key or "").startswith("keep-"))
    assert second != first
    (said,) = [str(bar.proto) for bar in test.get("progress") if "suspects reviewed" in str(bar.proto)]
    assert "0 of" in said, "it counts as no review"
    assert "1 put off as unsure" in said
    row = int(first.removeprefix("keep-"))
    assert tiny_project.marks()["unsure"].to_dict() == {row: True}
    test.query_params["item"] = str(tiny_project.dataset.ids[row])
    test.run()
    press(test, "keep-")
    assert tiny_project.marks().empty, "whoever decides is unsure no more"
