"""The command line, run as a user runs it."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from attribution.cli import cli
from attribution.errors import UserError


@pytest.fixture
def datablame(monkeypatch, capsys):
    """Run a verb in this process through ``main``; returns (exit status, output, errors)."""
    from attribution import __main__

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["datablame", *map(str, words)])
        with pytest.raises(SystemExit) as stop:
            __main__.main()
        said = capsys.readouterr()
        return stop.value.code or 0, said.out, said.err

    return run


def test_help_imports_nothing_heavy():
    program = (
        "import sys, attribution.__main__; print([m for m in ('torch', 'pandas', 'sklearn', 'numpy', "
        "'streamlit', 'umap') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_every_verb_explains_itself_and_every_flag():
    runner = CliRunner()
    for command in cli.registered_commands:
        name = command.name or command.callback.__name__
        said = runner.invoke(cli, [name, "--help"])
        assert said.exit_code == 0, name
        assert len(said.output.split("Options")[0].split()) > 6, f"{name} does not say what it does"


def test_the_whole_path_from_data_to_proof(datablame, digits):
    path, _flipped = digits
    status, said, err = datablame("new", "mine", "--path", path, "--model", "mlp", "--width", 16)
    assert status == 0, err
    assert "240 train, 60 val, 120 test" in said
    assert datablame("train", "-p", "mine", "--epochs", 3, "--keep-checkpoints", 2)[0] == 0
    status, said, err = datablame("flag", "-p", "mine", "--folds", 3, "--detectors", "loss,aum", "--top", 3)
    assert status == 0, err
    assert "suspicion" in said
    status, said, err = datablame("score", "-p", "mine", "--queries", "test", "--top", 2)
    assert status == 0, err
    assert said.count("helped") == 2
    status, said, err = datablame(
        "remedy", "-p", "mine", "--measure", "fgsm", "--budgets", "2.5,5", "--seeds", "0,1,2", "--bootstrap", 50
    )
    assert status == 0, err
    assert "attacked" in said
    status, said, err = datablame("score", "-p", "mine", "--queries", "val", "--group", "--measure", "eop-gap")
    assert status == 2
    assert "no group column" in err
    status, said, err = datablame(
        "angles", "-p", "mine", "--queries", "test-00003", "--damping-ratios", "1,100", "--iterations", 9
    )
    assert status == 0, err
    assert "curvature turns the query by" in said
    assert said.count("opposite") == 5
    assert datablame("edit", "drop", "train-00000", "train-00001", "-p", "mine", "--reason", "odd")[0] == 0
    status, said, _ = datablame("edit", "relabel", "train-00002", "--label", "7", "-p", "mine")
    assert "1 sample changed" in said
    assert datablame("edit", "undo", "-p", "mine")[0] == 0
    status, said, _ = datablame("tag", "train-00003, train-00004", "to ask", "-p", "mine")
    assert "2 samples marked" in said
    assert "1 sample marked" in datablame("tag", "train-00004", "to ask", "--off", "-p", "mine")[1]
    assert "1 sample marked" in datablame("note", "train-00003", "two digits?", "-p", "mine")[1]
    assert "1 sample marked" in datablame("unsure", "train-00005", "-p", "mine")[1]
    assert "2 with tags or notes or put off" in datablame("status", "-p", "mine")[1]
    status, said, _ = datablame("edit", "list", "-p", "mine")
    assert said.count("drop:") == 2
    assert "taken back" in said
    status, said, err = datablame("retrain", "-p", "mine", "--bootstrap", 200)
    assert status == 0, err
    assert "interval" in said or "chance" in said
    status, said, _ = datablame("status", "-p", "mine")
    assert "2 dropped" in said
    assert "score" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("new", "mine"), "--path"),
        (("train", "-p", "nope"), "nope"),
        (("edit", "explode", "-p", "bare"), "explode"),
        (("tag", "train-99999", "to ask", "-p", "bare"), "train-99999"),
        (("tag", "train-00001", " ", "-p", "bare"), "1 to 60 signs"),
        (("unsure", ",", "-p", "bare"), "No sample is named"),
        (("edit", "drop", "train-99999", "-p", "bare"), "train-99999"),
        (("edit", "relabel", "train-00000", "-p", "bare"), "--label"),
        (("edit", "revert", "x", "-p", "bare"), "'x'"),
        (("score", "-p", "bare"), "no trained model"),
        (("score", "-p", "bare", "--part", "3/2"), "3/2"),
        (("retrain", "-p", "bare", "--seeds", "a,b"), "whole numbers"),
    ],
)
def test_mistakes_end_in_words_and_status_2(datablame, bare_project, words, message):
    status, _, err = datablame(*words)
    assert status == 2
    assert message in err
    assert "Traceback" not in err


def test_suggestions_are_taken_in_bulk_only_when_that_is_asked(datablame, tiny_project):
    words = ("fix", "-p", "digits", "--surest", 6)
    status, said, err = datablame(*words, "--check", 3)
    assert status == 0, err
    assert "Take the suggestion for the 6 surest: about" in said
    assert said.count(" -> ") == 3
    assert not len(tiny_project.edits())
    found = tiny_project.surest(6)
    status, said, err = datablame(*words, "--yes")
    assert status == 0, err
    assert "6 samples changed" in said
    edits = tiny_project.edits()
    assert edits["batch"].nunique() == 1
    assert dict(edits["evidence"].iloc[0]) == found.evidence
    assert [tiny_project.labels.values[row] for row in found.rows] == [found.suggested[row] for row in found.rows]
    assert datablame("edit", "undo", "-p", "digits")[0] == 0
    assert (tiny_project.labels.values == tiny_project.dataset.labels).all()
    status, _, err = datablame("fix", "-p", "digits", "--risk", 2)
    assert status == 2
    assert "risk" in err


def test_plugins_are_listed(datablame):
    status, said, _ = datablame("status", "--plugins")
    assert status == 0
    for name in ("ip", "tracin", "cosine", "forward-inf", "random", "aum", "self-influence", "neighbors"):
        assert f"  {name} " in said


def test_compare_says_what_it_would_cost_then_measures_and_recommends(datablame, tiny_project):
    asked = [
        "compare",
        "-p",
        "digits",
        "--estimators",
        "ip",
        "--detectors",
        "loss",
        "--count",
        8,
        "--subsets",
        4,
        "--seeds",
        "1",
        "--device",
        "cpu",
    ]
    status, said, err = datablame(*asked, "--forecast")
    assert status == 0, err
    assert "24 subsets:  24 trainings" in said
    assert "a usual value" in said
    status, said, err = datablame(*asked, "--removal-k", "5,10", "--removal-queries", 1)
    assert status == 0, err
    assert "LDS" in said
    assert "average precision" in said
    assert tiny_project.benches()[0].recommendation[0] in said
    assert set(tiny_project.benches()[0].removal["k"]) == {5, 10}
    status, _, err = datablame("compare", "-p", "digits", "--removal-k", "five")
    assert status
    assert "list of whole numbers" in err


def test_a_forecast_says_how_long_and_runs_nothing(datablame, tiny_project, monkeypatch):
    for module in (
        "attribution.studies.costs.explore.BUDGET_S",
        "attribution.studies.costs.explore.MOST_S",
        "attribution.studies.costs.searching.BUDGET_S",
    ):
        monkeypatch.setattr(module, 0.0)
    before = set(tiny_project.folder.rglob("config.json"))
    for verb, more in (("score", ("--estimator", "cosine")), ("flag", ("--folds", 4)), ("train", ("--epochs", 7))):
        status, said, err = datablame(verb, "-p", "digits", "--forecast", *more)
        assert status == 0, err
        assert "of memory." in said
    new = set(tiny_project.folder.rglob("config.json")) - before
    assert len(new) == 3
    assert {path.parent.parent.name for path in new} == {"forecasts"}
    status, said, err = datablame("score", "-p", "digits", "--estimator", "cosine", "--memory-mb", 64)
    assert status == 0, err
    assert "Took" in said
    assert "forecast" not in said.split("Took")[1].splitlines()[0]  # that one was asked with other memory


def test_a_terminal_shows_words_of_the_data_and_does_not_obey_them(datablame, monkeypatch, capsys):
    """An id, a text or a file's name may hold what clears a screen, sets a title or turns the letters round."""
    import typer

    from attribution.project import project

    wicked = "cat\x1b[2J\x1b]0;owned\x07\u202ednE \udcff"
    # Else colours are taken out by typer, and with them the proof.
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)

    def say(name):
        typer.echo(f"found {wicked}")
        raise UserError(f"No {wicked}.")

    monkeypatch.setattr(project.Project, "open", say)
    status, said, err = datablame("status", "-p", "any")
    shown = r"cat\x1b[2J\x1b]0;owned\x07\u202ednE \xff"
    assert (status, said, err) == (2, f"found {shown}\n", f"No {shown}.\n")


def test_the_app_is_told_where_it_runs_and_under_which_names(datablame, monkeypatch):
    from attribution.cli import look

    started = []
    monkeypatch.setattr(look.subprocess, "call", lambda command, cwd: started.append(command) or 0)
    names = lambda: [word.partition("=")[2] for word in started[-1] if word.startswith("--server.allowedHosts")]  # noqa: E731
    assert datablame("app", "--port", 8765, "--no-browser")[0] == 0
    assert {"--server.address=127.0.0.1", "--server.port=8765", "--server.headless=true"} <= set(started[-1])
    assert names() == ["127.0.0.1", "localhost"]
    assert datablame("app", "--address", "10.0.0.7", "--host", "box.example, box")[0] == 0
    assert names() == ["127.0.0.1", "localhost", "box.example", "box"]
    assert "--server.address=10.0.0.7" in started[-1]


def test_the_recipe_is_set_by_new_told_by_train_and_saved_on_request(datablame, digits):
    from attribution import Project

    path, _flipped = digits
    recipe = ("--optimizer", "adamw", "--lr", 0.001, "--epochs", 2, "--device", "cpu")
    status, said, err = datablame("new", "mine", "--path", path, "--model", "mlp", "--width", 16, *recipe)
    assert status == 0, err
    assert "adamw, learning rate 0.001, 2 epochs" in said
    project = Project.open("mine")
    assert (project.train_config.optimizer, project.train_config.lr, project.train_config.epochs) == ("adamw", 0.001, 2)
    # The flag's default, but not this project's recipe.
    status, said, err = datablame("train", "-p", "mine", "--epochs", 12)
    assert status == 0, err
    assert "epochs 12 instead of 2" in err
    assert project.run.train_config.epochs == 12
    assert project.train_config.epochs == 2
    assert datablame("train", "-p", "mine", "--epochs", 3, "--save-recipe")[0] == 0
    assert Project.open("mine").train_config.epochs == 3


def test_loaded_weights_ask_before_anything_is_trained(datablame, tiny_project, digits):
    files = ",".join(str(path) for path, _ in tiny_project.run.checkpoints)
    path, _flipped = digits
    model = ("--model", "mlp", "--width", 32, "--checkpoints", files)
    assert datablame("new", "theirs", "--path", path, *model, "--epochs", 1, "--device", "cpu")[0] == 0
    assert datablame("train", "-p", "theirs")[0] == 0
    assert datablame("edit", "drop", "train-00001", "-p", "theirs")[0] == 0
    status, said, err = datablame("train", "-p", "theirs")
    assert status == 2
    assert "trained elsewhere, on the labels before your edits" in err
    assert "--checkpoints" in err
    assert datablame("train", "-p", "theirs", "--checkpoints", files)[0] == 0
    status, said, err = datablame("retrain", "-p", "theirs", "--bootstrap", 50, "--here")
    assert status == 0, err
    assert "trained elsewhere" in said


def test_the_data_may_be_named_behind_the_project(datablame, tmp_path, monkeypatch):
    monkeypatch.setenv("DATABLAME_HOME", str(tmp_path / "home"))
    rows = "\n".join(f"{place % 7},{place * 1.5}" for place in range(60))
    (tmp_path / "t.csv").write_text(f"a,price\n{rows}\n")
    table = str(tmp_path / "t.csv")
    status, _, err = datablame("new", "p", table, "--label", "price")
    assert status == 2
    assert "--task regression" in err
    status, said, _ = datablame("new", "p", table, "--label", "price", "--task", "regression", "--unit", "EUR")
    assert status == 0
    assert "a number in EUR" in said
    assert "task: regression" in said
    status, _, err = datablame("new", "q", table, "--path", table)
    assert status == 2
    assert "given twice" in err
