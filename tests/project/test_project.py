"""The project object: create, decide, version, and find results that answer for the current state."""

import hashlib
import json
import re

import numpy as np
import pytest

from attribution import DataConfig, ModelConfig, Project, ScoreConfig, TrainConfig, UserError, list_projects
from attribution.settings.configs import fields_of, from_dict, to_dict
from attribution.storage import database


def test_a_project_is_made_whole_or_not_at_all(digits, tmp_path):
    with pytest.raises(UserError):
        Project.create("broken", DataConfig(path=str(tmp_path / "nothing.npz")))
    assert list_projects() == []
    project = Project.create("fine", DataConfig(path=str(digits[0])))
    assert list_projects() == ["fine"]
    with pytest.raises(UserError, match="already exists"):
        Project.create("fine", DataConfig(path=str(digits[0])))
    assert Project.open("fine").info == project.info


def test_opening_a_project_that_is_not_there_lists_those_that_are(bare_project):
    with pytest.raises(UserError, match=r"'nope'.*bare"):
        Project.open("nope")


def test_code_runs_only_when_trusted_and_unchanged(digits, tmp_path):
    code = tmp_path / "net.py"
    code.write_text(
        "import torch\n\n\ndef build(classes, shape):\n    return torch.nn.Sequential(torch.nn.Flatten(), "
        "torch.nn.Linear(64, classes))\n"
    )
    model = ModelConfig(name=f"{code}:build")
    with pytest.raises(UserError, match="trust"):
        Project.create("own", DataConfig(path=str(digits[0])), model)
    project = Project.create(
        "own", DataConfig(path=str(digits[0])), model, TrainConfig(epochs=2, device="cpu"), trust_code=True
    )
    assert project.trusted
    code.write_text(code.read_text() + "\n# changed\n")
    assert not project.trusted
    with pytest.raises(UserError, match=r"net.py changed: SHA-256 \w{64}, was \w{64}"):
        project.train()
    project.trust_code()
    assert project.train().id


def test_a_project_cannot_bring_its_own_trust(bare_project, tmp_path):
    """Who makes the folder writes project.json; what older versions kept there no longer counts."""
    code = tmp_path / "net.py"
    code.write_text(f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n")
    path = bare_project.folder / "project.json"
    settings = json.loads(path.read_text())
    settings["model"]["name"] = f"{code}:build"
    settings["trusted_code"] = {"path": str(code), "hash": hashlib.sha256(code.read_bytes()).hexdigest()[:16]}
    path.write_text(json.dumps(settings))
    project = Project.open("bare")
    with pytest.raises(UserError, match=r"not trusted.*never in a project's folder.*datablame trust"):
        project.train()
    assert not (tmp_path / "ran").exists()


def test_a_model_that_does_not_fit_the_data_is_refused_before_the_project_exists(digits, tmp_path):
    code = tmp_path / "net.py"
    code.write_text(
        "import torch\n\n\ndef build(classes):\n    return torch.nn.Sequential(torch.nn.Flatten(), "
        "torch.nn.Linear(64, 3))\n"
    )
    with pytest.raises(UserError):
        Project.create("misfit", DataConfig(path=str(digits[0])), ModelConfig(name=f"{code}:build"), trust_code=True)
    assert list_projects() == []


def test_labels_follow_the_ledger_and_undoing_all_gives_the_base_version_back(bare_project):
    base = bare_project.labels
    bare_project.relabel([3], "7", reason="a seven")
    bare_project.drop([4, 5])
    bare_project.keep([6])
    changed = bare_project.labels
    assert changed.values[3] == 7
    assert not changed.active[[4, 5]].any()
    assert changed.version != base.version
    assert bare_project.states()["verdict"].to_dict() == {3: "relabel", 4: "drop", 5: "drop", 6: "keep"}
    for _ in range(3):
        bare_project.undo()
    assert bare_project.labels.version == base.version


def test_the_ledger_as_a_table_shows_words_and_evidence(bare_project):
    old = bare_project.classes[bare_project.labels.values[3]]
    bare_project.relabel([3], 7, reason="a seven", evidence={"estimator": "ip", "rank": 2})
    bare_project.undo()
    undo, edit = bare_project.edits().to_dict("records")
    assert (edit["row"], edit["action"], edit["old"], edit["new"]) == (3, "relabel", old, "7")
    assert edit["evidence"] == {"estimator": "ip", "rank": 2}
    assert edit["reverted"]
    assert (undo["action"], undo["reverts"]) == ("undo", edit["id"])


def test_a_decision_on_a_stale_view_is_refused(bare_project):
    seen = bare_project.sample_state(3).version
    bare_project.drop([3])
    with pytest.raises(UserError, match="changed"):
        bare_project.relabel([3], 7, expect={3: seen})
    assert bare_project.sample_state(3).verdict == "drop"


def test_an_unknown_class_is_named_with_the_choices(bare_project):
    with pytest.raises(UserError, match=r"'eleven'.*0, 1, 2"):
        bare_project.relabel([3], "eleven")


def test_influence_is_found_by_query_and_says_when_labels_changed(tiny_project):
    row = int(tiny_project.dataset.rows("test")[0])
    view = tiny_project.influence([row], "ip", 5)
    assert len(view.helpful) == len(view.harmful) == 5
    assert (view.helpful["influence"] > 0).all()
    assert view.helpful["influence"].is_monotonic_decreasing
    assert (view.harmful["influence"] < 0).all()
    assert not view.stale
    tiny_project.drop([0])
    assert tiny_project.influence([row], "ip", 5).stale
    assert tiny_project.influence([row], "cosine", 5) is None


def test_the_way_back_from_a_training_sample_agrees_with_the_way_there(tiny_project):
    affected = tiny_project.affected_by(5, "ip", 8)
    assert (affected["side"] == 1).sum() == (affected["side"] == -1).sum() == 8
    for line in affected.itertuples():
        score, column = tiny_project.find_query("ip", [line.query_row])
        rows, values = score.column(column)
        assert values[rows == 5] == pytest.approx(line.influence, rel=1e-5)
        assert np.sign(line.influence) == line.side


def test_predictions_agree_with_the_probabilities(tiny_project):
    frame = tiny_project.predictions()
    p = np.asarray(tiny_project.run.probabilities())
    assert (frame["prediction"] == p.argmax(1)).all()
    assert np.allclose(frame["loss"], -np.log(p[np.arange(len(p)), tiny_project.labels.values]), atol=1e-4)
    assert ((frame["margin"] > 0) == frame["correct"]).all()


def test_the_same_request_is_found_not_repeated(tiny_project):
    before = {path: path.stat().st_mtime_ns for path in tiny_project.folder.glob("scores/*/shards/*")}
    tiny_project.score(ScoreConfig(estimator="ip", queries="test", device="cpu"))
    assert {path: path.stat().st_mtime_ns for path in tiny_project.folder.glob("scores/*/shards/*")} == before


def test_a_background_job_does_the_same_as_the_call(tiny_project):
    row_id = str(tiny_project.dataset.ids[tiny_project.dataset.rows("test")[0]])
    config = ScoreConfig(estimator="cosine", queries=row_id, device="cpu")
    job = tiny_project.submit("score", config)
    import time

    for _ in range(600):
        job = tiny_project.job(job.id)
        if not job.active:
            break
        time.sleep(0.1)
    assert job.state == "done", job.log_tail()
    assert job.result in [score.id for score in tiny_project.scores()]


def test_configs_survive_json_and_refuse_unknown_settings():
    for kind in (DataConfig, ModelConfig, TrainConfig, ScoreConfig):
        assert from_dict(kind, json.loads(json.dumps(to_dict(kind())))) == kind()
        assert all(help.endswith(".") for _, _, help, _ in fields_of(kind))
    with pytest.raises(UserError, match="'speed'"):
        from_dict(TrainConfig, {"speed": 9})


def test_a_selection_is_asked_about_as_one_group(tiny_project):
    rows = tiny_project.dataset.rows("test")[:7]
    token = tiny_project.select(rows)
    result = tiny_project.score(ScoreConfig(queries=f"selection:{token}", group=True, device="cpu"))
    assert result.n_queries == 1
    singles = np.mean(
        [tiny_project.influence([row], "ip", 24).score.column(int(row) - rows[0])[1] for row in rows], axis=0
    )
    assert np.allclose(result.column(0)[1], singles, rtol=1e-3, atol=1e-5)
    assert tiny_project.influence(rows, "ip", 3) is not None


def test_the_first_look_is_near_chance_before_training(bare_project):
    look = bare_project.first_look
    assert (look["weights"], look["parameters"]) == ("untrained", 64 * 10 + 10)
    assert len(look["samples"]) == 10
    assert np.mean([one["loss"] for one in look["samples"]]) == pytest.approx(np.log(10), rel=0.3)


def test_a_preview_starts_from_the_labels_that_the_model_was_trained_on(tiny_project):
    from attribution import PreviewConfig

    config = PreviewConfig(bootstrap=100, device="cpu", steps=1)
    with pytest.raises(UserError, match="No training sample differs"):
        tiny_project.preview(config)
    base = tiny_project.labels.version
    tiny_project.drop([0, 1, 2])
    tiny_project.relabel([3], 5)
    found = tiny_project.preview(config)
    assert (found.before_version, found.version) == (base, tiny_project.labels.version)
    assert found.counts["n_acted"] == 4
    assert [one.id for one in tiny_project.previews()] == [found.id]
    run = tiny_project.train()
    tiny_project.drop([7])
    second = tiny_project.preview(config)
    assert (second.run, second.before_version) == (run.id, run.version)
    assert second.counts["n_acted"] == 1
    (tiny_project.folder / "project.db").unlink()
    database.create(tiny_project.folder / "project.db")
    elsewhere = type(tiny_project).open(tiny_project.folder)
    with pytest.raises(UserError, match="not in this project's ledger"):
        elsewhere.preview(PreviewConfig(run=run.id))


def test_the_docstring_of_the_facade_lists_every_member_once():
    listed = re.findall(r"\w+", " ".join(re.findall(r": ``([^`.(]+)``", Project.__doc__)))
    public = {name for name in dir(Project) if not name.startswith("_")}
    assert sorted(listed) == sorted(public - {"open", "create", "sample"})


def test_an_answer_for_other_settings_is_not_shown_for_the_usual_ones(tiny_project):
    """Asked with other steps from the shell, the page's question finds its own answer as before, and says which
    settings are whose."""
    project, row = tiny_project, int(tiny_project.dataset.rows("test")[0])
    ask = {"estimator": "forward-inf", "queries": str(project.dataset.ids[row]), "device": "cpu"}
    usual = project.score(ScoreConfig(**ask))
    assert project.score("random").estimator == "random"
    shown = project.influence([row], "forward-inf", 5)
    other = project.score(ScoreConfig(**ask, steps=1, step=5.0))
    assert other.id != usual.id
    again = project.influence([row], "forward-inf", 5)
    assert again.score.id == usual.id
    assert again.helpful["row"].tolist() == shown.helpful["row"].tolist()
    assert (again.settings, again.options, again.run) == ({}, {"steps": 5, "step": 0.2}, project.run.id)
    asked = {"steps": 1, "step": 5.0}
    assert project.settings_found("forward-inf", [row]) == [{}, asked]
    view = project.influence([row], "forward-inf", 5, asked)
    assert (view.score.id, view.settings) == (other.id, asked)
    assert project.influence([row], "forward-inf", 5, {"steps": 2}) is None
    assert project.affected_by(5, "forward-inf", 8, {"steps": 2}) is None


def test_bfloat16_seeds_and_dampings_are_told_apart_and_the_same_work_is_one_answer(tiny_project):
    project, row = tiny_project, int(tiny_project.dataset.rows("test")[0])
    name = str(project.dataset.ids[row])
    rough = project.score(ScoreConfig(estimator="cosine", queries=name, device="cpu", autocast=True))
    assert project.influence([row], "cosine", 5) is None
    assert project.influence([row], "cosine", 5, {"autocast": True}).score.id == rough.id
    project.score(ScoreConfig(estimator="random", queries=name, device="cpu", seed=3))
    assert project.influence([row], "random", 5) is None
    # A network's usual ratio.
    one = project.score(ScoreConfig(estimator="ekfac", queries=name, device="cpu", damping_ratio=1.0))
    assert project.influence([row], "ekfac", 5) is None
    assert project.score(ScoreConfig(estimator="ekfac", queries=name, device="cpu")).id == one.id
    assert project.influence([row], "ekfac", 5).score.id == one.id
    assert project.influence([row], "ekfac", 5, {"damping_ratio": 1.0}).score.id == one.id


def test_scores_made_before_requests_were_kept_are_read_by_their_options():
    from attribution.studies.influence.settings import requests, words

    assert requests({"estimator": "nystroem", "options": {"damping_ratio": 1.0, "rank": 100, "seed": 0}}) == [{}]
    assert requests({"estimator": "forward-inf", "options": {"steps": 1, "step": 5.0, "both_signs": True}}) == [
        {"steps": 1, "step": 5.0, "both_signs": True}
    ]
    assert requests(
        {"estimator": "trak", "options": {"dim": 10, "seed": 3, "store": "bfloat16"}, "autocast": True}
    ) == [{"seed": 3, "store": True, "autocast": True}]
    assert words({"steps": 1, "both_signs": True}) == "steps 1, both signs"
    assert words({}) == "usual settings"
