"""Tasks for Label Studio, and its annotations read back as decisions."""

import base64
import io
import json
from xml.etree import ElementTree

import numpy as np
import pytest
from exported import archive_project, numbers_project, picture_project, sets_project
from PIL import Image

from attribution.errors import UserError


def tasks_of(project, folder, **options):
    out = project.export("label-studio", folder / "ls", **options)
    return json.loads((out / "tasks.json").read_text()), ElementTree.parse(out / "config.xml").getroot(), out


def annotated(tasks, answers):
    """An export of Label Studio with these results by sample id."""
    for task in tasks:
        task["annotations"] = [
            {"completed_by": {"email": "ann@example.org"}, "updated_at": "2026-01-02T03:04:05Z", "result": result}
            for result in answers.get(task["data"]["datablame_id"], [])
        ]
    return tasks


def choice(*words, name="label"):
    return {"from_name": name, "to_name": "sample", "type": "choices", "value": {"choices": list(words)}}


def test_pictures_stand_in_the_tasks_or_beside_them(tmp_path):
    project, arrays = archive_project(tmp_path)
    tasks, page, _ = tasks_of(project, tmp_path)
    first = next(task for task in tasks if task["data"]["datablame_id"] == "train-00000")
    picture = Image.open(io.BytesIO(base64.b64decode(first["data"]["image"].partition(",")[2])))
    assert (np.asarray(picture) == arrays["X_train"][0]).all()
    assert first["predictions"][0]["result"][0]["value"] == {"choices": ["../coat"]}
    assert [one.get("value") for one in page.find("Choices")] == ["bag", "../coat"]
    assert len(tasks) == 59
    out = project.export("label-studio", tmp_path / "files", pictures="files", most=5)
    some = json.loads((out / "tasks.json").read_text())
    assert len(some) == 5
    assert all((out / task["data"]["image"].partition("?d=")[2]).is_file() for task in some)


def test_annotations_come_back_as_decisions(tmp_path):
    project, _ = picture_project(tmp_path)
    tasks, _, _ = tasks_of(project, tmp_path)
    ids = project.dataset.ids
    label = {row: project.dataset.word(project.labels.values[row]) for row in range(len(ids))}
    other = {"boots": "shoes", "shoes": "boots"}
    note = {"from_name": "note", "to_name": "sample", "type": "textarea", "value": {"text": ["worn"]}}
    answers = {
        ids[4]: [[choice(other[label[4]]), note]],
        ids[5]: [[choice(label[5])]],
        ids[6]: [[choice("drop", name="verdict")]],
        ids[7]: [[choice("unsure", name="verdict")]],
        ids[8]: [[choice(label[8])], [choice(label[8])]],
    }
    (tmp_path / "back.json").write_text(json.dumps(annotated(tasks, answers)))
    done = project.apply(tmp_path / "back.json", label_studio=True)
    assert done.changes == 5
    states = project.states()
    assert states["verdict"][[4, 5, 6, 8]].tolist() == ["relabel", "keep", "drop", "keep"]
    assert project.dataset.word(project.labels.values[4]) == other[label[4]]
    assert project.marks()["note"][4] == "worn"
    assert project.marks()["unsure"][7]
    assert len({edit.batch for edit in done.edits}) == 1
    assert project.apply(tmp_path / "back.json", label_studio=True).changes == 0


def test_annotators_that_disagree_and_strange_tasks_are_refused(tmp_path):
    project, _ = picture_project(tmp_path)
    tasks, _, _ = tasks_of(project, tmp_path)
    name = project.dataset.ids[4]
    (tmp_path / "back.json").write_text(json.dumps(annotated(tasks, {name: [[choice("boots")], [choice("shoes")]]})))
    with pytest.raises(UserError, match="disagree: boots; shoes"):
        project.apply(tmp_path / "back.json", label_studio=True)
    for text, said in (("{", "no JSON"), ("{}", "no list of tasks"), ('[{"data": {}}]', "no datablame_id")):
        (tmp_path / "odd.json").write_text(text)
        with pytest.raises(UserError, match=said):
            project.apply(tmp_path / "odd.json", label_studio=True)


def test_numbers_and_sets_come_back(tmp_path):
    numbers, _ = numbers_project(tmp_path)
    tasks, page, _ = tasks_of(numbers, tmp_path)
    assert page.find("Number") is not None
    assert page.find("Table") is not None
    name = str(numbers.dataset.ids[5])
    value = {"from_name": "label", "to_name": "sample", "type": "number", "value": {"number": 1.5}}
    (tmp_path / "n.json").write_text(json.dumps(annotated(tasks, {name: [[value]]})))
    numbers.apply(tmp_path / "n.json", label_studio=True)
    assert numbers.labels.values[5] == 1.5
    sets, _ = sets_project(tmp_path)
    tasks = json.loads((sets.export("label-studio", tmp_path / "sets") / "tasks.json").read_text())
    flat = [{"id": 1, **tasks[5]["data"], "label": {"choices": ["dog", "cat"]}, "annotator": 1}]  # JSON-MIN
    (tmp_path / "s.json").write_text(json.dumps(flat))
    sets.apply(tmp_path / "s.json", label_studio=True)
    row = sets.dataset.row_of(tasks[5]["data"]["datablame_id"])
    assert sets.dataset.word(sets.labels.values[row]) == "cat;dog"
