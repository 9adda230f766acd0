"""Python objects as data: written once into the project, with ids that stay, and nothing else needed afterwards."""

import dataclasses
from collections import namedtuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset

from attribution import Project
from attribution.errors import UserError
from attribution.settings.configs import DataConfig, ScoreConfig

CHANCE = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "age": CHANCE.normal(40, 10, 60).round(),
        "town": CHANCE.choice(["Ulm", "Bonn", "Kiel"], 60),
        "income": CHANCE.choice(["low", "high"], 60),
    }
)


class Items(Dataset):
    """A map-style dataset of these items."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, place):
        return self.items[place]


def pictures(n=40, side=8):
    chance = np.random.default_rng(1)
    return [
        (Image.fromarray(chance.integers(0, 256, (side, side, 3), dtype=np.uint8)), place % 2) for place in range(n)
    ]


def made(tmp_path, data, name="p", **settings):
    return Project.create(tmp_path / name, data, train={"epochs": 1}, **settings)


def test_a_frame_is_a_table_and_opens_again_without_it(tmp_path):
    project = made(tmp_path, FRAME, label="income")
    assert project.info.modality == "tabular"
    assert set(project.info.classes) == {"low", "high"}
    row = project.dataset.row_of("row-00017")
    assert project.samples["col:town"][row] == FRAME["town"][17]
    assert project.samples["label"][row] == project.classes.index(FRAME["income"][17])
    ids = project.dataset.ids
    moved = tmp_path / "moved"
    project.folder.rename(moved)
    again = Project.open(moved)
    assert again.data_config.path == str(moved / "given")
    assert (again.dataset.ids == ids).all()


@pytest.mark.parametrize("data", [FRAME, pa.Table.from_pandas(FRAME, preserve_index=False)], ids=["pandas", "arrow"])
def test_a_file_and_an_object_give_the_same_samples(tmp_path, data):
    FRAME.to_parquet(tmp_path / "people.parquet", index=False)
    file = made(tmp_path, tmp_path / "people.parquet", "file", label="income")
    given = made(tmp_path, data, "given", label="income")
    assert np.array_equal(file.dataset.inputs, given.dataset.inputs)
    assert (file.dataset.hashes == given.dataset.hashes).all()


def test_splits_by_name_and_ids_of_their_own(tmp_path):
    frame = FRAME.assign(who=[f"p{n}" for n in range(60)])
    project = made(tmp_path, {"train": frame[:40], "test": frame[40:]}, label="income", id="who", val_fraction=0.0)
    assert project.info.counts == {"train": 40, "val": 0, "test": 20}
    assert list(project.dataset.ids[40:]) == [f"p{n}" for n in range(40, 60)]
    assert "who" not in " ".join(project.samples.columns)


def test_pictures_of_a_torch_dataset_keep_every_pixel(tmp_path):
    items = pictures()
    project = made(tmp_path, Items(items), val_fraction=0.0)
    assert project.info.modality == "image"
    for place in (0, 17, 39):
        row = project.dataset.row_of(f"row-{place:05d}")
        assert np.array_equal(project.dataset.inputs[row], np.asarray(items[place][0]))
        assert project.classes[project.samples["label"][row]] == str(items[place][1])


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_tensors_that_are_pictures_are_pictures(tmp_path, kind):
    items = [(torch.from_numpy(np.asarray(one).copy()).permute(2, 0, 1), label) for one, label in pictures()]
    if kind == "float":
        items = [(one.float() / 255, label) for one, label in items]
    project = made(tmp_path, Items(items), val_fraction=0.0)
    assert project.info.modality == "image"
    row = project.dataset.row_of("row-00005")
    assert np.array_equal(project.dataset.inputs[row], np.asarray(pictures()[5][0]))


def test_items_may_be_dicts_named_tuples_and_data_classes(tmp_path):
    Sample = namedtuple("Sample", "pic kind")

    @dataclasses.dataclass
    class Whole:
        pic: object
        kind: int

    for number, kind in enumerate((Sample, Whole, lambda pic, kind: {"pic": pic, "kind": kind})):
        project = made(tmp_path, Items([kind(*one) for one in pictures()]), f"p{number}", label="kind")
        assert (project.info.modality, len(project.dataset)) == ("image", 40)


def test_fields_name_the_values_of_items(tmp_path):
    items = [(f"row {n}", n % 3 == 0, float(n)) for n in range(30)]
    project = made(tmp_path, Items(items), fields=("words", "answer", "more"), label="answer", text="words")
    assert project.info.modality == "text"
    assert "more" in project.dataset.own_names
    with pytest.raises(UserError, match="3 values, for 2 names"):
        made(tmp_path, Items(items), "q", fields=("words", "answer"), label="answer")


def test_a_pair_of_text_and_label_is_a_text(tmp_path):
    texts = [(f"it is {'good' if n % 2 else 'bad'} number {n}", n % 2) for n in range(30)]
    project = made(tmp_path, texts)
    assert project.info.modality == "text"
    assert project.samples["text"][project.dataset.row_of("row-00003")] == "it is good number 3"


def test_a_subset_keeps_the_places_of_the_whole_and_class_names(tmp_path):
    whole = Items(pictures())
    whole.classes = ["zebra", "ant"]
    project = made(tmp_path, Subset(Subset(whole, range(10, 40)), range(5, 25)), val_fraction=0.0)
    assert sorted(project.dataset.ids)[0] == "row-00015"
    assert project.classes == ("zebra", "ant")  # in the order of the numbers, as the model has them


def test_arrays_as_x_and_y(tmp_path):
    x = CHANCE.normal(size=(50, 7)).astype(np.float32)
    y = np.arange(50) % 3
    project = made(tmp_path, (x, y))
    assert project.info.modality == "tabular"
    row = project.dataset.row_of("row-00009")
    assert np.allclose([project.samples[f"col:x{j}"][row] for j in range(7)], x[9])
    onehot = made(tmp_path, (x, np.eye(3)[y]), "onehot")
    column = made(tmp_path, (torch.from_numpy(x), torch.from_numpy(y[:, None])), "column")
    for other in (onehot, column):
        assert (other.dataset.labels == project.dataset.labels).all()
        assert np.allclose(other.dataset.inputs, project.dataset.inputs)


def test_several_labels_are_named(tmp_path):
    y = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]] * 10)
    project = made(tmp_path, (CHANCE.normal(size=(40, 4)), y), task="multilabel")
    row = project.dataset.row_of("row-00000")
    assert project.dataset.word(project.dataset.labels[row]) == "0;2"


def test_a_regression_frame(tmp_path):
    frame = FRAME.assign(rent=FRAME["age"] * 2 + CHANCE.normal(size=60))
    project = made(tmp_path, frame, label="rent", task="regression")
    assert project.info.task["name"] == "regression"


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(torch.zeros(3), 0)])


@pytest.mark.parametrize(
    ("data", "what", "do"),
    [
        (DataLoader(Items(pictures())), "is a DataLoader", "data=loader.dataset"),
        (Stream(), "only be walked through", "list(dataset)"),
        ({"train": FRAME, "extra": FRAME}, "a part 'extra'", "dict(train=..., test=...)"),
        (np.zeros((4, 4)), "without labels", "(X, y)"),
        ((np.zeros((4, 4)), np.zeros(3)), "4 samples and y has 3", "(X, y)"),
        (Items([(torch.zeros(3), 0), (torch.zeros(4), 1)] * 9), "the first one", "pad"),
        (Items([1, 2]), "of the type int", "(input, label)"),
        ((Items(pictures()), Items(pictures())), "a pair of Items", "dict(train=..., test=...)"),
        (FRAME, "no column 'label'", "age, town, income"),
        (7, "builtins.int", "pandas"),
        ([], "no samples", "Check"),
    ],
)
def test_what_is_no_data_says_what_to_pass(tmp_path, data, what, do):
    with pytest.raises(UserError) as error:
        made(tmp_path, data)
    assert what in error.value.what + error.value.why
    assert do in error.value.do
    assert not any(tmp_path.iterdir())


def test_settings_may_be_keywords_of_a_path_and_of_a_config(tmp_path):
    FRAME.to_csv(tmp_path / "people.csv", index=False)
    one = made(tmp_path, str(tmp_path / "people.csv"), "one", label="income", seed=3)
    two = made(tmp_path, DataConfig(str(tmp_path / "people.csv"), label="income"), "two", seed=3)
    assert one.info.base_hash == two.info.base_hash
    with pytest.raises(UserError, match="no setting 'lable'"):
        made(tmp_path, FRAME, lable="income")


def test_pictures_in_a_frame(tmp_path):
    frame = pd.DataFrame(pictures(), columns=["pic", "label"]).assign(doctor=["A", "B"] * 20)
    project = made(tmp_path, frame)
    assert project.info.modality == "image"
    assert project.dataset.own("doctor").tolist().count("A") == 20


def test_a_torch_dataset_of_pictures_scores_as_autograd_does(tmp_path):
    project = Project.create(tmp_path / "p", Items(pictures(60)), train={"epochs": 2, "device": "cpu"})
    run = project.train()
    found = project.score(ScoreConfig(estimator="ip", queries="test"))
    network = run.model(dataset=project.dataset)
    parameters = [one for one in network.parameters() if one.requires_grad]

    def gradient(row):
        x = project.dataset.tensor([row])
        y = torch.tensor([int(project.dataset.labels[row])])
        parts = torch.autograd.grad(torch.nn.functional.cross_entropy(network(x), y), parameters)
        return torch.cat([part.flatten() for part in parts])

    train, test = project.dataset.rows("train")[:5], project.dataset.rows("test")[:5]
    by_hand = torch.stack([gradient(row) for row in train]) @ torch.stack([gradient(row) for row in test]).T
    rows, scores = found.matrix()
    asked = [found.column_of([row]) for row in test]
    stored = scores[np.searchsorted(rows, train)][:, asked]
    assert np.abs(stored - by_hand.numpy()).max() < 1e-4 * np.abs(by_hand.numpy()).max()


def test_what_begins_as_pictures_may_turn_out_as_numbers(tmp_path):
    items = [(torch.full((3, 8, 8), number / 255), number % 2) for number in range(39)]
    project = made(tmp_path, Items([*items, (torch.full((3, 8, 8), -1.5), 1)]))
    assert project.info.modality == "array"
    assert float(project.dataset.inputs[project.dataset.row_of("row-00039")].min()) == -1.5
    assert sorted(path.name for path in (project.folder / "given").iterdir()) == ["X.npy", "samples.parquet"]
