"""A training rewound: the loss of a step is that of its batch, and a batch of wrong labels is found by its spike."""

import numpy as np
import pandas as pd
import pytest
import torch

from attribution import DataConfig, ModelConfig, Project, TrainConfig, UserError
from attribution.models.build import build_model
from attribution.training.order import batches_again, epoch_seed

RECIPE = TrainConfig(epochs=3, batch_size=8, lr=0.2, seed=5, device="cpu")


def made(folder, wrong=(), rows=260):
    """Three clear clusters; the training rows ``wrong`` have another label."""
    chance = np.random.default_rng(1)
    y = chance.integers(3, size=rows)
    x = chance.normal(size=(rows, 4)) + 6 * np.eye(3, 4)[y]
    y[list(wrong)] = (y[list(wrong)] + 1) % 3
    frame = pd.DataFrame(x, columns=list("pqrs")).assign(label=[f"class {one}" for one in y])
    frame.assign(split=["train"] * 240 + ["test"] * 20).to_csv(folder / "t.csv", index=False)
    data = DataConfig(path=str(folder / "t.csv"), split="split", val_fraction=0.0)
    return Project.create("mine", data, ModelConfig("logistic"), RECIPE)


def test_the_loss_of_a_step_is_that_of_the_rows_said_to_be_in_it(tmp_path):
    project = made(tmp_path)
    project.drop([3, 17])
    run = project.train()
    rewound = project.rewind()
    assert rewound.steps["step"].tolist() == list(range(1, 3 * 30 + 1))
    rows = rewound.rows(1)
    assert len(rows) == 8
    assert not {3, 17} & set(rows.tolist())
    start = build_model(project.model_config, project.info, RECIPE.seed)
    loss = project.dataset.task.loss(start(project.dataset.tensor(rows)), torch.tensor(project.labels.values[rows]))
    assert rewound.steps["loss"][0] == pytest.approx(float(loss.mean().detach()), rel=1e-5)
    epoch = np.concatenate([rewound.rows(step) for step in range(31, 61)])
    assert sorted(epoch.tolist()) == sorted(project.labels.train_rows(project.dataset).tolist())
    project.undo()  # the order is that of the labels it was trained on
    assert (project.rewind(run).rows(1) == rows).all()


def test_a_batch_of_wrong_labels_is_a_spike_and_leads_to_its_rows(tmp_path):
    bad = batches_again(np.ones(240, dtype=bool), epoch_seed(RECIPE.seed, 2), 8)[12]
    project = made(tmp_path, wrong=bad)
    project.train()
    rewound = project.rewind()
    worst = int(rewound.spikes["step"][0])
    assert worst == 30 + 13
    assert set(rewound.rows(worst)) == set(bad)
    table = rewound.table(worst)
    assert table["loss"].is_monotonic_decreasing
    assert set(table["row"]) == set(bad)
    assert "spike" in {trace.name for trace in rewound.figure("steps").data}


def test_a_step_that_there_was_not_is_refused_in_words(tmp_path):
    project = made(tmp_path)
    project.train()
    with pytest.raises(UserError, match="no step 91"):
        project.rewind().rows(91)


def test_a_run_without_steps_says_why(tmp_path):
    project = made(tmp_path)
    run = project.train()
    project.add_run(run.checkpoints[-1][0])
    with pytest.raises(UserError, match="trained elsewhere"):
        project.rewind()
    assert project.losses().empty


def test_losses_over_epochs_and_what_training_changed(tmp_path):
    project = made(tmp_path)
    run = project.train()
    table = project.losses()
    assert list(table) == ["row", "id", "epoch 1", "epoch 2", "epoch 3", "loss", "change"]
    assert table["row"].tolist() == project.labels.train_rows(project.dataset).tolist()
    assert np.allclose(table["change"], table["epoch 1"] - table["epoch 3"])
    last = run.dynamics().query("epoch == 3").set_index("row")["loss"]
    assert np.allclose(table["loss"], last.loc[table["row"]])
