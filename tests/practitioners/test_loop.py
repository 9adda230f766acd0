"""Loops and predictions of other libraries: Hugging Face's Trainer, Lightning, scikit-learn and cleanlab."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import attribution
from attribution import DataConfig, FlagConfig, ModelConfig, Project
from attribution.models.build import build_model


@pytest.fixture
def project(tmp_path):
    chance = np.random.default_rng(0)
    y = chance.integers(3, size=120)
    x = chance.normal(size=(120, 4)) + 1.5 * np.eye(3, 4)[y]
    y[:6] = (y[:6] + 1) % 3
    frame = pd.DataFrame(x, columns=list("pqrs")).assign(label=[f"class {one}" for one in y])
    frame["split"] = ["train"] * 80 + ["val"] * 20 + ["test"] * 20
    frame.to_csv(tmp_path / "t.csv", index=False)
    return Project.create("mine", DataConfig(path=str(tmp_path / "t.csv"), split="split"), ModelConfig("mlp", width=8))


def parts(project):
    rows = project.dataset.rows("train")
    return project.dataset.tensor(rows), torch.tensor(project.labels.values[rows]), project.dataset.ids[rows].tolist()


def checked(project, folder, rec, epochs):
    """The recording opens as a run, and its last epoch is what the trained network says."""
    run = project.add_run(folder)
    table = run.dynamics()
    x, y, _ = parts(project)
    last = table[table["epoch"] == epochs].sort_values("row")
    with torch.no_grad():
        losses = nn.functional.cross_entropy(rec.model.eval()(x), y, reduction="none")
    assert len(table) == epochs * len(y)
    assert np.allclose(last["loss"], losses, atol=1e-5)
    assert len(run.checkpoints) == epochs
    assert all(weight > 0 for _, weight in run.checkpoints)
    return run


def test_a_trainer_of_hugging_face_is_recorded(project, tmp_path):
    from transformers import Trainer, TrainingArguments

    class Net(nn.Module):
        """As the Trainer wants a model: named inputs, and the loss beside the logits."""

        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, x, labels=None):
            logits = self.inner(x)
            return (
                {"logits": logits}
                if labels is None
                else {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}
            )

    x, y, ids = parts(project)
    model = Net(build_model(project.model_config, project.info, 0))
    rec = attribution.record(tmp_path / "hf", model, ids)
    data = [{"x": x[i], "labels": y[i]} for i in range(len(y))]
    settings = {"num_train_epochs": 2, "per_device_train_batch_size": 16, "learning_rate": 0.01, "use_cpu": True}
    arguments = TrainingArguments(str(tmp_path / "out"), report_to=[], save_strategy="no", **settings)
    callback = attribution.record.for_transformers(rec)
    Trainer(model, arguments, train_dataset=data, callbacks=[callback]).train()
    rec.model = model.inner
    assert checked(project, tmp_path / "hf", rec, 2).config["weight_unit"] == "order"


def test_a_trainer_of_lightning_is_recorded(project, tmp_path):
    import lightning

    class Module(lightning.LightningModule):
        def __init__(self, net):
            super().__init__()
            self.net = net

        def training_step(self, batch, place):
            return nn.functional.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.1)

    x, y, ids = parts(project)
    module = Module(build_model(project.model_config, project.info, 0))
    rec = attribution.record(tmp_path / "pl", module.net, ids)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=3, callbacks=[attribution.record.for_lightning(rec)], **quiet)
    trainer.fit(module, DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True))
    run = checked(project, tmp_path / "pl", rec, 3)
    assert run.config["weight_unit"] == "nats"
    assert [weight for _, weight in run.checkpoints] == pytest.approx([0.1 * 5 / 80] * 3)


def test_a_loop_that_calls_on_epoch_end_is_recorded(project, tmp_path):
    x, y, ids = parts(project)
    model = build_model(project.model_config, project.info, 0)
    rec = attribution.record(tmp_path / "keras", model, ids)
    callback = attribution.record.for_epochs(rec, DataLoader(rec.wrap(TensorDataset(x, y)), batch_size=32))
    callback.set_params({})
    callback.on_train_begin()
    for epoch in range(2):
        callback.on_epoch_end(epoch, {"loss": 1.0, "learning_rate": 0.1})
    assert checked(project, tmp_path / "keras", rec, 2).config["weight_unit"] == "rate"


def test_out_of_fold_predictions_of_a_pipeline_give_the_issues_that_cleanlab_finds(project):
    from cleanlab.filter import find_label_issues
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import cross_val_predict

    frame = pd.read_csv(project.data_config.path)
    said = cross_val_predict(
        HistGradientBoostingClassifier(max_iter=20), frame[list("pqrs")], frame["label"], cv=4, method="predict_proba"
    )
    project.add_predictions(said, folds=True)
    table = project.flag(FlagConfig(detectors=("confident-learning",))).detectors.sort_values("row")
    rows = project.dataset.rows("train")
    labels = project.labels.values[rows]
    issues = find_label_issues(
        labels, project.run.probabilities()[rows].astype(float), return_indices_ranked_by="normalized_margin"
    )
    ours = table.sort_values("confident-learning", ascending=False)["row"].to_numpy()
    assert set(rows[issues]) <= set(ours[: max(len(issues), int((table["confident-learning"] > 0.5).sum()))])
    assert np.array_equal(rows[issues][:5], ours[:5])
