"""Which decisions a model has not seen: found by walking the ledger back to the version it was trained on."""

from attribution.views import pending
from attribution.views.faces import face_of


def changed(project, version):
    labels = pending.trained_labels(project, version)
    return pending.differences(labels, project.labels, project.dataset.ids, face_of(project.dataset))


def test_differences_since_any_version(bare_project):
    project, base = bare_project, bare_project.labels.version
    assert changed(project, base).empty
    other = (int(project.labels.values[0]) + 1) % 10
    project.relabel([0], other)
    between = project.labels.version
    project.drop([1, 2])
    project.keep([3])
    assert changed(project, base)["row"].tolist() == [0, 1, 2]
    assert changed(project, base)["action"].tolist() == ["relabel", "drop", "drop"]
    assert changed(project, between)["row"].tolist() == [1, 2]
    assert changed(project, project.labels.version).empty
    project.undo()
    project.undo()
    assert changed(project, between).empty


def test_a_sample_taken_back_into_training(bare_project):
    bare_project.drop([5])
    dropped = bare_project.labels.version
    bare_project.keep([5])
    assert changed(bare_project, dropped)["action"].tolist() == ["take back"]


def test_sentence(bare_project):
    project, base = bare_project, bare_project.labels.version
    assert pending.change_sentence(changed(project, base)) == "Nothing has changed."
    project.drop([1, 2])
    assert pending.change_sentence(changed(project, base)) == "2 samples changed: 2 dropped."


def test_the_plan_counts_what_the_sidebar_counts(bare_project):
    project, base = bare_project, bare_project.labels.version
    n = project.info.counts["train"]
    project.drop([1, 2])
    project.drop([n])
    words = pending.plan_sentence(changed(project, base), n, 3)
    assert "2 samples changed: 2 dropped. Outside of training, 1 sample changed: 1 dropped." in words
    assert "3 edits of these are not yet in the model in use." in words
    assert "in use" not in pending.plan_sentence(changed(project, base), n, None)
