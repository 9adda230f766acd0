"""Every study has one name for its folder of code, its job, its place in ``project.studies`` and its page; a new one
needs nothing but itself."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

import attribution
from attribution.cli import cli
from attribution.errors import UserError
from attribution.settings.ranges import Settings, opt
from attribution.storage.artefact import Artefact
from attribution.studies import named, studies
from attribution.studies.base import Request, Study

ROOT = Path(__file__).parents[2]
NAMES = studies.names()


@pytest.mark.parametrize("name", NAMES)
def test_a_study_has_one_name(tiny_project, name):
    study = named(name)
    room = study.__module__.split(".")[-2]
    assert room == name or name.endswith("-cost")
    assert getattr(tiny_project.studies, name).study.name == name
    assert study.place().replace("-", "").isalpha()
    assert (ROOT / "pages" / f"{study.page or name}.py").is_file() or name == "prepare"
    assert study.__doc__
    documented = f"`datablame {study.alias or name}`" in (ROOT / "docs" / "reference.md").read_text()
    assert documented or name == "prepare" or name.endswith("-cost")
    assert study.called(study.usual(tiny_project.train_config))
    if study.alias:
        assert named(study.alias).name == name


@pytest.mark.parametrize("name", [name for name in NAMES if name != "train"])
def test_a_study_has_a_verb_by_its_name_and_its_alias(name):
    for word in filter(None, (name, named(name).alias)):
        said = CliRunner().invoke(cli, [word, "--help"])
        assert said.exit_code == 0, said.output
        assert "--project" in said.output


def test_every_study_s_settings_are_at_the_top_of_the_package():
    for name in NAMES:
        assert named(name).config.__name__ in attribution.__all__


def test_aliases_are_nobody_else_s_name():
    aliases = [studies.get(name).alias for name in NAMES if studies.get(name).alias]
    assert len(set(aliases)) == len(aliases)
    assert not set(aliases) & set(NAMES)
    with pytest.raises(UserError, match="no study called 'tarot'"):
        named("tarot")


def test_names_settings_and_results_need_no_torch():
    code = (
        "import sys; from attribution.studies import named, studies\nfor name in studies.names(): "
        "named(name).config()\nassert 'numpy' not in sys.modules, 'numpy was imported'\nfor name in studies.names(): "
        "named(name).reader()\nassert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_job_of_a_former_version_is_known_by_today_s_name(tiny_project, monkeypatch):
    from attribution.jobs.board import JobBoard

    monkeypatch.setattr(JobBoard, "start", lambda self, job_id: None)
    board = JobBoard(tiny_project.folder)
    old = board.submit("flag", "Look for wrong labels", named("flag").usual(tiny_project.train_config))
    assert tiny_project.job(old.id).kind == "mislabels"
    assert next(job.kind for job in tiny_project.jobs() if job.id == old.id) == "mislabels"
    board.cancel(old.id)


@dataclass(frozen=True)
class CountConfig(Settings):
    """How samples are counted."""

    least: int = opt(0, "Fewest characters of an id.", low=0, high=1000)


class CountResult(Artefact):
    """A count."""

    what = "count"


class Count(Study[CountConfig]):
    """Count the training samples."""

    title = "Count ids of at least {least}"
    config = CountConfig
    result = CountResult
    folder = "counts"

    def request(self, context, config):
        return Request({"run": context.asked.id, "version": context.labels.version, "least": config.least})

    def compute(self, context, config, asked, out, work):
        rows = context.labels.train_rows(context.dataset)
        return {"count": sum(len(str(name)) >= config.least for name in context.dataset.ids[rows])}


@pytest.fixture
def count(monkeypatch):
    """A study that stands in this file alone."""
    studies.names()
    monkeypatch.setitem(studies._items, "count", Count)
    monkeypatch.setattr(Count, "name", "count", raising=False)


def test_a_new_study_works_from_end_to_end(tiny_project, count, monkeypatch):
    from attribution.jobs.board import JobBoard

    here = tiny_project.studies.count
    assert here.latest() is None
    assert here.find() is None
    found = here.run()
    assert found.config["count"] == tiny_project.info.counts["train"]
    assert found.folder.parent == tiny_project.folder / "counts"
    assert found.config["cost"]["whole"]
    assert found.config["cost"]["peak_bytes"] > 1e6
    assert here.run(CountConfig()).id == here.find().id == here.latest().id == found.id
    assert here.run(CountConfig(least=100)).config["count"] == 0
    assert len(here.all()) == 2
    with pytest.raises(UserError, match="cost of count is not known"):
        here.cost()
    monkeypatch.setattr(JobBoard, "start", lambda self, job_id: None)
    job = here.submit(CountConfig(least=3))
    assert (job.kind, job.title) == ("count", "Count ids of at least 3")
    assert tiny_project.run_job(job.id) == "done"
    assert tiny_project.job(job.id).result == here.find(CountConfig(least=3)).id
    said = CliRunner().invoke(cli, ["count", "-p", str(tiny_project.folder), "--least", "2"])
    assert said.exit_code == 0, said.output
    assert said.output.split()[-1] == here.find(CountConfig(least=2)).id
