"""What answers for a model is trained as that model was; weights trained elsewhere are never replaced unasked."""

import dataclasses

import pytest

from attribution import DataConfig, FlagConfig, ModelConfig, Project, RetrainConfig, TrainConfig
from attribution.errors import UserError
from attribution.studies.calibration.study import CalibrateConfig
from attribution.studies.fairness.study import RemedyConfig
from attribution.studies.memorization.study import MemorizeConfig
from attribution.training.train import default_recipe

OWN = TrainConfig(epochs=2, batch_size=32, optimizer="adamw", lr=0.003, checkpoints=2, device="cpu")


@pytest.fixture
def adopted(tiny_project, digits, tmp_path):
    """A project whose weights were trained elsewhere (by another project) and loaded."""
    files = [str(path) for path, _ in tiny_project.run.checkpoints]
    model = ModelConfig(name="mlp", width=32, checkpoints=tuple(files))
    project = Project.create(
        tmp_path / "adopted", DataConfig(path=str(digits[0])), model, dataclasses.replace(OWN, epochs=1)
    )
    project.train()
    return project


def told(comparison):
    return {name: comparison.config["train"][name] for name in ("optimizer", "lr", "epochs", "batch_size")}


def test_proofs_take_the_recipe_of_the_model_in_use(tiny_project):
    project = tiny_project
    project.train(OWN)
    project.relabel([0], (int(project.labels.values[0]) + 1) % 10)
    found = project.retrain(RetrainConfig(seeds=(0, 1, 2), bootstrap=50, device="cpu"))
    assert "test predictions" not in found.verdict
    assert told(found) == {"optimizer": "adamw", "lr": 0.003, "epochs": 2, "batch_size": 32}
    runs = {run.id: run for run in project.runs()}
    assert {runs[name].train_config.optimizer for name in (*found.before_runs, *found.after_runs)} == {"adamw"}
    assert found.before_runs[0] == next(
        run.id
        for run in project.runs()
        if run.version == project.dataset.base_version().version and run.train_config == OWN
    )
    remedy = project.remedy(RemedyConfig(measure="loss", budgets=(5.0,), seeds=(0, 1, 2), bootstrap=50, device="cpu"))
    assert (remedy.config["recipe"]["optimizer"], remedy.config["recipe"]["epochs"]) == ("adamw", 2)
    project.memorize(MemorizeConfig(models=8, device="cpu"))
    (subsets,) = (project.folder / "subsets").glob("*/about.json")
    assert '"adamw"' in subsets.read_text()


def test_loaded_weights_are_not_replaced_by_a_training_unasked(adopted):
    project, loaded = adopted, adopted.run
    assert loaded.loaded
    project.relabel([0], (int(project.labels.values[0]) + 1) % 10)
    for ask in (
        project.train,
        lambda: project.retrain(RetrainConfig(device="cpu")),
        lambda: project.memorize(MemorizeConfig(models=8, device="cpu")),
        lambda: project.remedy(RemedyConfig(measure="loss", device="cpu")),
        lambda: project.flag(FlagConfig(detectors=("confident-learning",), device="cpu")),
    ):
        with pytest.raises(UserError, match="trained elsewhere") as refused:
            ask()
        assert "--here" in refused.value.do
    assert project.run == loaded
    with pytest.raises(UserError, match="on the labels before your edits"):
        project.train()
    assert [run.config["source"] for run in project.runs()] == ["loaded"]
    project.undo()
    assert project.train() == loaded


def test_a_search_leaves_out_what_would_train_and_says_so(adopted):
    found = adopted.flag(FlagConfig(folds=3, cases=20, device="cpu"))
    assert "trained elsewhere" in found.config["skipped"]["confident-learning"]
    assert not found.config["held_out"]
    with pytest.raises(UserError, match="trained elsewhere"):
        adopted.calibrate(CalibrateConfig(folds=3, device="cpu"))
    adopted.train_here()
    again = adopted.flag(FlagConfig(folds=3, cases=20, device="cpu"))
    assert again.id != found.id
    assert again.config["held_out"]


def test_the_user_may_choose_to_train_here_or_to_load_newer_weights(adopted, tiny_project):
    project, loaded = adopted, adopted.run
    project.relabel([0], (int(project.labels.values[0]) + 1) % 10)
    newer = project.train(checkpoints=[path for path, _ in tiny_project.run.checkpoints][:2])
    assert (newer.config["source"], newer.version) == ("loaded", project.labels.version)
    assert project.run == newer != loaded
    project.train_here()
    found = project.retrain(RetrainConfig(bootstrap=50, device="cpu"))
    assert "trained elsewhere" in found.verdict
    assert found.config["train"]["epochs"] == 1
    assert project.run == newer
    mine = project.train(here=True)
    assert mine.config["source"] == "trained"
    assert project.run == mine
    assert project.recipe_for() == project.train_config


def test_few_samples_get_as_many_epochs_as_a_trained_model_needs():
    assert default_recipe("text", 279) == dataclasses.replace(default_recipe("text"), epochs=30)
    assert default_recipe("image", 6000) == default_recipe("image")
    assert default_recipe("tabular", 0).epochs == 150


def test_a_recipe_is_given_when_a_project_is_made(digits, tmp_path):
    project = Project.create(
        tmp_path / "mine", DataConfig(path=str(digits[0])), ModelConfig(name="mlp"), {"lr": 0.01, "batch_size": 16}
    )
    assert project.train_config == dataclasses.replace(default_recipe("image", 240), lr=0.01, batch_size=16)
    with pytest.raises(UserError, match="momentum"):
        Project.create(tmp_path / "other", DataConfig(path=str(digits[0])), ModelConfig(name="mlp"), {"momentum": 1.0})
    assert not (tmp_path / "other").exists()
    project.save_recipe(OWN)
    assert Project.open(project.folder).train_config == OWN


def test_the_verdict_tells_edits_that_were_chosen_from_what_judges_them(tiny_project):
    project = tiny_project
    project.train(OWN)
    ids, test = project.dataset.ids, project.dataset.rows("test")
    project.drop([1, 2], evidence={"query": f"{ids[test[3]]},{ids[test[4]]}", "rank": 1})
    project.drop([3], evidence={"query": str(ids[0])})  # asked about a training sample
    project.drop([4], reason="a queue's suspect")
    found = project.retrain(RetrainConfig(bootstrap=50, device="cpu"))
    assert " 2 of the 4 edits were chosen by their influence on test predictions" in found.verdict


def test_a_unit_is_told_only_where_learning_rates_are_known(adopted, tiny_project, digits, tmp_path):
    from attribution import ScoreConfig
    from attribution.views.influence import estimators_in_order, unit_words

    words = {one.name: one for one in estimators_in_order()}
    asked = ScoreConfig(estimator="tracin", queries="test-00001", device="cpu")
    assert adopted.score(asked).config["unit"] == "order only"
    assert "order only" in unit_words(words["tracin"], adopted.run)
    assert tiny_project.score(asked).config["unit"] == "nats"
    assert unit_words(words["tracin"], tiny_project.run) == "Unit: nats."
    assert unit_words(words["ip"], adopted.run) == "Unit: nats per unit of learning rate."
    files = adopted.model_config.checkpoints
    rated = ModelConfig(name="mlp", width=32, checkpoints=files, checkpoint_lr=(0.1, 0.05, 0.01))
    project = Project.create(tmp_path / "rated", DataConfig(path=str(digits[0])), rated)
    run = project.train()
    assert [weight for _, weight in run.checkpoints] == [0.1, 0.05, 0.01]
    assert project.score(asked).config["unit"] == "nats for one step on the sample alone at every checkpoint"
    with pytest.raises(UserError, match="2 values for 3 checkpoints"):
        Project.create(
            tmp_path / "odd", DataConfig(path=str(digits[0])), dataclasses.replace(rated, checkpoint_lr=(0.1, 0.05))
        ).train()
    adaptive = tiny_project.train(OWN)
    assert "AdamW" in unit_words(words["tracin"], adaptive)


def test_the_default_recipe_trains_a_model_on_a_few_texts():
    """279 texts of the sample: 40 steps left a loss of 0.67 where chance is 0.69."""
    import numpy as np
    import torch

    from attribution.datasets.dataset import Labels
    from attribution.models.predict import predict
    from attribution.settings.configs import small_words
    from attribution.training.train import fit

    project = Project.sample("text")
    data = project.dataset
    active = np.ones(len(data), dtype=bool)
    active[data.rows("train")[279:]] = False
    labels = Labels.of(data, data.labels, active)
    rows = labels.train_rows(data)
    recipe = dataclasses.replace(default_recipe("text", len(rows)), device="cpu")
    network = fit(data, labels, project.model_config, recipe)
    loss = torch.nn.functional.cross_entropy(
        torch.from_numpy(predict(network, data, rows)[0]), torch.tensor(data.labels[rows])
    )
    assert float(loss) < 0.35
    assert small_words("text", 279).startswith("30 epochs instead of 8")
    assert small_words("text", 6000) == ""


def test_what_needs_the_recipe_of_loaded_weights_refuses(adopted):
    from attribution import ScoreConfig
    from attribution.studies.bench.leave_one_out import as_linear

    with pytest.raises(UserError, match="trained elsewhere"):
        adopted.score(ScoreConfig(estimator="turn-over-dropout", queries="test-00001", device="cpu"))
    from attribution.training.trained import TrainedModel

    trained = TrainedModel(adopted.dataset, adopted.labels, adopted.run, device="cpu")
    trained.model = lambda: __import__("torch").nn.Linear(64, 10)
    with pytest.raises(UserError, match="penalty is not known"):
        as_linear(trained)
