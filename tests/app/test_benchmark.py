"""Leaks of a chat project: a benchmark is named by its path, its leaks are shown and dropped; other projects have none
of it."""

import json

import pytest

from attribution.project.project import Project

ITEM = {
    "id": "b/0",
    "question": "Which of the <b>children</b> painted amber on the old stone in the north?",
    "answer": "It was Ann.",
}


@pytest.fixture
def chats(tmp_path, monkeypatch):
    """A chat project in the user's home with one item of ``bench.jsonl`` planted twice."""
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path))
    rows = [{"prompt": f"What is {n} more?", "completion": f"That is {n * 7} under the hill."} for n in range(40)]
    rows += [{"prompt": ITEM["question"], "completion": ITEM["answer"]}] * 2
    for name, lines in (("rows", rows), ("bench", [ITEM])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Project.create(tmp_path / "chats", str(tmp_path / "rows.jsonl")), tmp_path / "bench.jsonl"


def opened(app):
    return app("leaks", project="chats", **{"leak-view": "Benchmark"})


def test_a_file_is_asked_for_and_a_wrong_one_refused_in_words(app, words, chats, press, monkeypatch):
    asked = []
    monkeypatch.setattr(Project, "submit", lambda self, kind, config=None: asked.append((kind, config)))
    test = opened(app)
    assert "Benchmark file" in str([field.label for field in test.text_input])
    test.text_input(key="benchmark-path").set_value("/nowhere.jsonl")
    next(one for one in test.button if one.label == "Compare").click().run()
    assert asked == []
    test.text_input(key="benchmark-path").set_value(str(chats[1]))
    next(one for one in test.button if one.label == "Compare").click().run()
    assert [kind for kind, _ in asked] == ["contamination"]
    assert asked[0][1].benchmark == str(chats[1])


def test_leaks_are_shown_escaped_and_dropped_at_once(app, words, chats, press):
    project, bench = chats
    project.contamination(bench)
    test = opened(app)
    said = words(test)
    assert "1 of 1 items leak, through 2 of 42 rows" in said
    assert "&lt;b&gt;children&lt;/b&gt;" in said
    assert "<b>children</b>" not in said
    press(test, "drop-leaking-")
    assert int((~project.labels.active).sum()) == 2
    assert not [one for one in test.button if (one.key or "").startswith("drop-leaking-")]


def test_pictures_know_nothing_of_it(app, tiny_project):
    test = app("leaks", project="digits")
    assert "Benchmark" not in str([one.options for one in test.segmented_control])
