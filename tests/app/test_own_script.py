"""Retrain by a script of the user's own: the page shows what would run, and asks."""

import sys
from pathlib import Path

from attribution import DataConfig, ModelConfig, Project, RetrainConfig
from attribution.trust.commands import look_command

COMMAND = f"{sys.executable} train.py --data {{data}} --out {{out}} --seed {{seed}}"
FAIL = "raise SystemExit('no')\n"


def told(test):
    return "\n".join(str(one.value) for kind in (test.caption, test.markdown, test.code, test.error) for one in kind)


def test_the_page_asks_before_it_runs_a_command(app, tiny_project, tmp_path, monkeypatch):
    (tmp_path / "train.py").write_text(FAIL)
    asked = []
    monkeypatch.setattr(Project, "submit", lambda self, kind, config=None: asked.append((kind, config)))
    tiny_project.drop([0])
    test = app("retrain", project="digits")
    test.text_input(key="own-command").set_value("python train.py").run()
    assert "Name the folder" in told(test)
    test.text_input(key="own-folder").set_value(str(tmp_path)).run()
    assert "{data}" in told(test)
    assert not [button for button in test.button if button.key == "own-run"]
    test.text_input(key="own-command").set_value(COMMAND).run()
    assert not test.exception
    assert "train.py" in test.code[0].value
    assert "SHA-256" in test.code[0].value
    assert not look_command(COMMAND, tmp_path).trusted
    test.number_input(key="own-seeds").set_value(4).run()
    test.button(key="own-run").click().run()
    assert not test.exception
    expected = RetrainConfig(command=COMMAND, workdir=str(tmp_path), seeds=(0, 1, 2, 3))
    assert asked == [("retrain", expected)]
    assert look_command(COMMAND, tmp_path).trusted
    assert test.button(key="own-run").label.startswith("Run my script")
    (tmp_path / "train.py").write_text(FAIL + "# more\n")
    test.run()
    assert "changed since" in told(test)


def test_loaded_weights_leave_three_ways(app, tiny_project, digits, tmp_path, monkeypatch):
    files = tuple(str(path) for path, _ in tiny_project.run.checkpoints[-1:])
    model = ModelConfig(name="mlp", width=32, checkpoints=files)
    project = Project.create(Path(tiny_project.folder.parent, "mine"), DataConfig(path=str(digits[0])), model)
    project.train()
    project.drop([0])
    test = app("retrain", project="mine")
    assert "trained elsewhere" in told(test)
    keys = {button.key for button in test.button}
    assert {"retrain-here", "retrain-tune"} <= keys
    assert test.text_input(key="own-command").value == ""
    test.button(key="retrain-tune").click().run()
    assert not test.exception
    again = Project.open(project.folder)
    assert again.train_config.start == "loaded"
    assert again.trains_here
    assert "starting from the loaded weights" in told(test)
    assert "is not known" in told(test)
    found = again.retrain(RetrainConfig(bootstrap=50, device="cpu"))
    assert "start from the weights you loaded" in found.verdict
    (run,) = [run for run in again.runs() if run.id == found.before_runs[0]]
    assert run.train_config.start == "loaded"
    assert Path(run.model_config.checkpoints[0]).parent.parent.name == project.run.id
