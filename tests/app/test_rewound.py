"""Overview shows the loss of every step; a spike, chosen, leads to the samples of its batch."""

import numpy as np
import pandas as pd
import pytest

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.training.order import batches_again, epoch_seed


@pytest.fixture
def spiky(tmp_path):
    """A project whose training meets a batch of wrong labels in its second epoch; that batch's rows."""
    bad = batches_again(np.ones(240, dtype=bool), epoch_seed(5, 2), 8)[12]
    chance = np.random.default_rng(1)
    y = chance.integers(3, size=260)
    x = chance.normal(size=(260, 4)) + 6 * np.eye(3, 4)[y]
    y[bad] = (y[bad] + 1) % 3
    frame = pd.DataFrame(x, columns=list("pqrs")).assign(label=[f"class {one}" for one in y])
    frame.assign(split=["train"] * 240 + ["test"] * 20).to_csv(tmp_path / "t.csv", index=False)
    data = DataConfig(path=str(tmp_path / "t.csv"), split="split", val_fraction=0.0)
    recipe = TrainConfig(epochs=3, batch_size=8, lr=0.2, seed=5, device="cpu")
    project = Project.create("spiky", data, ModelConfig("logistic"), recipe)
    project.train()
    return project, bad


def test_a_spike_leads_to_its_rows(app, spiky):
    project, bad = spiky
    test = app(project="spiky")
    test.session_state["fold-curve"] = True
    test.run()
    assert not test.exception, test.exception[0].stack_trace
    assert test.selectbox(key="spike").options[0].startswith("step 43, epoch 2")
    test.button(key="spike-select").click().run()
    assert not test.exception, test.exception[0].stack_trace
    token = test.session_state["shared"]["selection"]
    assert set(project.selection(token)[0]) == set(bad)
