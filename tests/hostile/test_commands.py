"""Commands that lie in somebody else's project folder: shown, never run."""

import dataclasses
from pathlib import Path

import pytest

from attribution import Project, RetrainConfig
from attribution.errors import UserError
from attribution.jobs import board
from attribution.settings.configs import to_dict
from attribution.studies.retrain.result import RetrainResult

COMMAND = "touch {out}/../../../../ran {data} {seed}"


@pytest.fixture
def foreign(tiny_project, monkeypatch):
    """A project with an edit and a stopped job that would retrain by a command."""
    tiny_project.drop([0, 1])
    monkeypatch.setattr(board.JobBoard, "start", lambda self, job_id: None)
    config = RetrainConfig(command=COMMAND, workdir=str(tiny_project.folder), device="cpu")
    job = tiny_project.submit("retrain", config)  # the folder says so, and no user here typed it
    return Project.open(tiny_project.folder), job


def traces(project):
    return [*project.folder.parent.rglob("ran"), *project.folder.rglob("scripts/*")]


def test_a_job_to_resume_does_not_run_its_command(foreign):
    project, job = foreign
    assert project.run_job(job.id) == "failed"
    assert "not one that you trust" in project.job(job.id).error["what"]
    assert COMMAND in project.job(job.id).error["what"]
    assert not traces(project)
    with pytest.raises(UserError, match="not one that you trust"):
        project.step("retrain")(RetrainConfig(**{**to_dict(job_config(job)), "seeds": (0, 1, 2)}))
    assert not traces(project)


def job_config(job):
    names = {item.name for item in dataclasses.fields(RetrainConfig)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in job.config.items()}
    return RetrainConfig(**{name: value for name, value in values.items() if name in names})


def test_a_page_shows_the_command_of_a_stored_proof_and_asks(foreign, monkeypatch):
    """The command of a proof in the folder stands in the form, and a look at the page runs and trusts nothing."""
    from streamlit.testing.v1 import AppTest

    from attribution.trust.commands import look_command

    project, job = foreign
    project.cancel(job.id)
    real = project.retrain(RetrainConfig(bootstrap=50, device="cpu"))
    told = {**real.config, "script": COMMAND, "retrain": {**real.config["retrain"], **job.config}}
    stored = dataclasses.replace(real, config=told)
    monkeypatch.setattr(RetrainResult, "open", staticmethod(lambda folder: stored))
    test = AppTest.from_file(str(Path(__file__).resolve().parents[2] / "app.py"), default_timeout=60)
    test.query_params["project"] = "digits"
    test.run()
    test.switch_page("pages/retrain.py").run()
    assert not test.exception
    assert test.text_input(key="own-command").value == COMMAND
    assert "I have read it" in test.button(key="own-run").label
    assert not look_command(COMMAND, project.folder).trusted
    assert not traces(project)
