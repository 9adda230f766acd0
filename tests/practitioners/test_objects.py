"""Objects of polars, DuckDB, Hugging Face datasets, torchvision and scikit-learn as data."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attribution import Project
from attribution.errors import UserError

CHANCE = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {"age": CHANCE.normal(size=40), "town": ["Ulm", "Bonn"] * 20, "paid": CHANCE.choice(["no", "yes"], 40)}
)
PIXELS = CHANCE.integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)


def made(tmp_path, data, name="p", **settings):
    return Project.create(tmp_path / name, data, train={"epochs": 1}, **settings)


def test_tables_of_polars_and_duckdb_are_those_of_pandas(tmp_path):
    import duckdb
    import polars

    frame = FRAME
    usual = made(tmp_path, frame, "usual", label="paid")
    for name, data in {"polars": polars.from_pandas(frame), "duckdb": duckdb.sql("select * from frame")}.items():
        found = made(tmp_path, data, name, label="paid")
        assert np.array_equal(found.dataset.inputs, usual.dataset.inputs)
        assert found.dataset.ids.tolist() == usual.dataset.ids.tolist()
    with pytest.raises(UserError, match="collect"):
        made(tmp_path, polars.from_pandas(frame).lazy(), "lazy", label="paid")


def hugging_face():
    from datasets import ClassLabel, Dataset, Features, Value
    from datasets import Image as Picture

    features = Features({"pic": Picture(), "label": ClassLabel(names=["zebra", "ant"]), "site": Value("string")})
    rows = {"pic": [Image.fromarray(one) for one in PIXELS], "label": [0, 1] * 20, "site": ["A", "B"] * 20}
    return Dataset.from_dict(rows, features=features)


def test_a_hugging_face_dataset_of_pictures(tmp_path):
    project = made(tmp_path, hugging_face())
    assert (project.info.modality, project.classes) == ("image", ("zebra", "ant"))
    row = project.dataset.row_of("row-00007")
    assert np.array_equal(project.dataset.inputs[row], PIXELS[7])
    assert project.dataset.own("site")[row] == "B"
    assert project.dataset.labels[row] == 1


def test_a_dataset_dict_keeps_its_splits_and_a_filter_its_rows(tmp_path):
    parts = hugging_face().train_test_split(test_size=10, shuffle=False)
    project = made(tmp_path, parts, val_fraction=0.0)
    assert project.info.counts == {"train": 30, "val": 0, "test": 10}
    assert project.dataset.ids[-1] == "test-00009"
    some = made(tmp_path, hugging_face().select(range(5, 35)), "some")
    row = some.dataset.row_of("row-00000")
    assert np.array_equal(some.dataset.inputs[row], PIXELS[5])


def test_texts_and_streams_of_hugging_face(tmp_path):
    from datasets import Dataset

    texts = Dataset.from_dict({"body": [f"mail number {n}" for n in range(20)], "label": ["ham", "spam"] * 10})
    project = made(tmp_path, texts, text="body")
    assert project.info.modality == "text"
    with pytest.raises(UserError, match="list"):
        made(tmp_path, texts.to_iterable_dataset(), "stream", text="body")


@pytest.mark.parametrize("tensors", [False, True])
def test_torchvision_datasets_with_and_without_to_tensor(tmp_path, tensors):
    from torchvision import datasets, transforms

    transform = transforms.ToTensor() if tensors else None
    data = datasets.FakeData(size=30, image_size=(3, 8, 8), num_classes=2, transform=transform)
    project = made(tmp_path, data)
    assert project.info.modality == "image"
    plain = datasets.FakeData(size=30, image_size=(3, 8, 8), num_classes=2)
    assert np.array_equal(project.dataset.inputs[project.dataset.row_of("row-00011")], np.asarray(plain[11][0]))


def test_a_torchvision_folder_is_handed_over_with_its_normalisation(tmp_path):
    from torchvision import datasets, transforms

    for number, pixels in enumerate(PIXELS):
        place = tmp_path / "photos" / ("cat", "dog")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number}.png")
    normal = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.2,) * 3)])
    data = datasets.ImageFolder(tmp_path / "photos", transform=normal)
    project = made(tmp_path, data)
    assert (project.info.modality, project.classes) == ("array", ("cat", "dog"))
    row = project.dataset.row_of("row-00003")
    assert np.array_equal(project.dataset.inputs[row], data[3][0].numpy())


def test_a_scikit_learn_bunch(tmp_path):
    from sklearn.datasets import load_iris

    project = made(tmp_path, load_iris())
    assert project.classes == ("setosa", "versicolor", "virginica")
    assert "col:petal length (cm)" in project.samples
    assert made(tmp_path, load_iris(as_frame=True), "frame").dataset.labels.tolist() == project.dataset.labels.tolist()


def test_several_hot_labels_of_hugging_face(tmp_path):
    from datasets import Dataset

    data = Dataset.from_dict(
        {"x": CHANCE.normal(size=(40, 5)).tolist(), "label": [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]] * 20}
    )
    project = made(tmp_path, data, task="multilabel")
    assert project.dataset.word(project.dataset.labels[project.dataset.row_of("row-00000")]) == "0;2"


def test_a_network_and_its_normalised_dataset_as_they_are(tmp_path):
    """The user's own tensors and weights: the same loss, and the dots of gradients that autograd gives."""
    import torch
    from torchvision import datasets, models, transforms

    from attribution.settings.configs import ScoreConfig

    normal = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.48, 0.45, 0.4), (0.22, 0.22, 0.22))])
    data = datasets.FakeData(size=40, image_size=(3, 32, 32), num_classes=3, transform=normal)
    torch.manual_seed(0)
    net = models.resnet18(num_classes=3).eval()
    project = Project.create(tmp_path / "p", data, net, train={"device": "cpu"})
    if project.run is None:
        project.train()
    found = project.score(ScoreConfig(estimator="ip", queries="test"))
    dataset = project.dataset
    places = [int(name.removeprefix("row-")) for name in dataset.ids]
    parameters = list(net.parameters())

    def gradient(row):
        x, y = data[places[row]]
        loss = torch.nn.functional.cross_entropy(net(x[None]), torch.tensor([int(y)]))
        return torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters)]).double()

    train, test = dataset.rows("train")[:5], dataset.rows("test")[:5]
    by_hand = (torch.stack([gradient(row) for row in train]) @ torch.stack([gradient(row) for row in test]).T).numpy()
    rows, scores = found.matrix()
    stored = scores[np.searchsorted(rows, train)][:, [found.column_of([row]) for row in test]]
    assert np.abs(stored - by_hand).max() < 1e-4 * np.abs(by_hand).max()
