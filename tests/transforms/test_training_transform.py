"""Training on augmented inputs: drawn anew at every epoch, and the same ones whenever a run is repeated."""

import numpy as np
import pytest
import torch

from attribution import DataConfig, ModelConfig, Project, TrainConfig
from attribution.datasets.dataset import Dataset
from attribution.errors import UserError
from attribution.models.build import inputs_for
from attribution.training.augmented import Augmented
from attribution.transforms.declared import parsed
from attribution.transforms.given import attach
from attribution.transforms.handing import place

FIXED = "size=12,mean=0.5,std=0.25"
DRAWN = "size=14,random_crop=12,flip=0.5,mean=0.5,std=0.25"
RECIPE = TrainConfig(epochs=2, batch_size=8, device="cpu")


@pytest.fixture
def archive(tmp_path):
    chance = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = np.clip(chance.normal(80 + 90 * y[:, None, None, None], 50, (60, 12, 12, 3)), 0, 255).astype(np.uint8)
    np.savez(tmp_path / "pictures.npz", X=x, y=y)
    return DataConfig(path=str(tmp_path / "pictures.npz"))


def batch(project, epoch, seed=0):
    rows = project.dataset.rows("train")
    drawn = Augmented(project.dataset, rows, project.model_config, seed, torch.device("cpu"))
    return drawn.at(torch.arange(16), epoch)


def weights(project, **more):
    return project.train(TrainConfig(**{**vars(RECIPE), **more})).model(dataset=project.dataset).state_dict()


def test_inputs_are_drawn_by_seed_epoch_and_row(archive):
    project = Project.create("one", archive, ModelConfig("mlp", transform=FIXED, train_transform=DRAWN), RECIPE)
    first = batch(project, 1)
    assert first.shape == (16, 3, 12, 12)
    assert torch.equal(first, batch(project, 1))
    assert not torch.equal(first, batch(project, 2))
    assert not torch.equal(first, batch(project, 1, seed=1))
    one = Augmented(project.dataset, project.dataset.rows("train"), project.model_config, 0, torch.device("cpu"))
    assert torch.equal(one.at(torch.tensor([5]), 1)[0], first[5])  # whatever else is in the batch


def test_a_run_is_another_with_augmentation_and_the_same_when_repeated(archive, tmp_path):
    plain = Project.create("plain", archive, ModelConfig("mlp", transform=FIXED), RECIPE)
    drawn = Project.create("drawn", archive, ModelConfig("mlp", transform=FIXED, train_transform=DRAWN), RECIPE)
    again = Project.create("again", archive, ModelConfig("mlp", transform=FIXED, train_transform=DRAWN), RECIPE)
    assert plain.train().id != drawn.train().id
    first, second = weights(drawn), weights(again)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], weights(plain)[name]) for name in first)


def test_random_states_of_others_are_left_alone(archive):
    project = Project.create("one", archive, ModelConfig("mlp", transform=FIXED, train_transform=DRAWN), RECIPE)
    np.random.seed(3)
    torch.manual_seed(3)
    wanted = np.random.random(), float(torch.rand(1))
    np.random.seed(3)
    torch.manual_seed(3)
    batch(project, 1)
    assert (np.random.random(), float(torch.rand(1))) == wanted


def test_training_inputs_of_another_shape_are_refused(archive):
    with pytest.raises(UserError, match="shape"):
        Project.create("one", archive, ModelConfig("mlp", transform=FIXED, train_transform="size=10"), RECIPE)


class Halved:
    """A user's callable: float32 in 0..0.5, channels first."""

    def __call__(self, picture):
        return torch.from_numpy(np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 510)

    def __repr__(self):
        return "Halved()"


def test_a_callable_is_handed_over_and_its_tensors_stay(archive, monkeypatch):
    project = Project.create("one", archive, ModelConfig("mlp"), RECIPE, transform=Halved())
    said = project.model_config.transform
    assert said.startswith("given:Halved-")
    project.train()
    monkeypatch.setattr("attribution.transforms.given._HELD", {})  # as in another process
    again = Dataset.open(project.folder / "data")
    found = again.tensor(again.rows("all"), inputs=inputs_for(project.model_config))
    assert torch.allclose(found, torch.from_numpy(np.array(again.inputs)).permute(0, 3, 1, 2) / 510)
    place(again, inputs_for(project.model_config)).unlink()
    with pytest.raises(UserError, match="handed over from Python"):
        again.tensor(np.arange(2), inputs=inputs_for(project.model_config))
    with pytest.raises(UserError, match="was made with"):
        attach(said, lambda picture: picture)
    attach(said, Halved())
    assert torch.equal(again.tensor(np.arange(2), inputs=inputs_for(project.model_config)), found[:2])


@pytest.mark.parametrize("wrong", [3, [1, 2]])
def test_what_cannot_be_called_is_refused(archive, wrong):
    with pytest.raises(UserError, match="The transform is a"):
        Project.create("one", archive, ModelConfig("mlp"), transform=wrong)


def test_declared_words_are_read_back():
    said = "resize=256,crop=224/200,mean=0.485/0.456/0.406,std=0.5,interpolation=bicubic,colour=bgr,flip=0.5"
    assert parsed(parsed(said).words()) == parsed(said)
    assert parsed("mean=imagenet,std=imagenet") == parsed("mean=0.485/0.456/0.406,std=0.229/0.224/0.225")
