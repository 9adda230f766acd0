"""Runs that were made elsewhere: weights with their learning rates, on the labels that they were trained on."""

import pytest

from attribution import UserError


def files_of(project):
    return [path for path, _ in project.run.checkpoints]


def test_weights_become_a_run_with_their_rates_on_the_labels_that_they_were_trained_on(tiny_project):
    files = files_of(tiny_project)
    tiny_project.drop([1], reason="blurred")
    current = tiny_project.add_run(files, [0.1, 0.05, 0.01])
    assert tiny_project.run.id == current.id
    assert (current.version, current.config["weight_unit"]) == (tiny_project.labels.version, "rate")
    assert [weight for _, weight in current.checkpoints] == [0.1, 0.05, 0.01]
    base = tiny_project.add_run(files, 0.1, version="base")
    assert base.version == tiny_project.dataset.base_version().version != current.version
    assert tiny_project.add_run(files, 0.1, version=base.version[:8]).id == base.id
    assert len(base.dynamics()) == 3 * 240
    tiny_project.use_run(current.id)
    assert tiny_project.run.id == current.id


def test_what_is_wrong_with_a_run_from_elsewhere_is_said(tiny_project, tmp_path):
    with pytest.raises(UserError, match="no data version 'mine'"):
        tiny_project.add_run(files_of(tiny_project), version="mine")
    with pytest.raises(UserError, match="No checkpoint"):
        tiny_project.add_run([])
    with pytest.raises(UserError, match="2 values for 3 checkpoints"):
        tiny_project.add_run(files_of(tiny_project), [0.1, 0.2])


def test_the_verb_makes_the_same_run(tiny_project, monkeypatch, capsys):
    from attribution import __main__

    files = [str(path) for path in files_of(tiny_project)]
    words = ["add-run", *files, "--lr", "0.1,0.05,0.01", "-p", str(tiny_project.folder)]
    monkeypatch.setattr("sys.argv", ["datablame", *words])
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    assert not ended.value.code
    assert f"run {tiny_project.add_run(files, [0.1, 0.05, 0.01]).id}" in capsys.readouterr().out
