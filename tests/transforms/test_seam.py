"""A transform says what the model is handed: from the originals, kept by content, found by its config alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from attribution import DataConfig, ModelConfig, Project, ScoreConfig, TrainConfig
from attribution.datasets.dataset import Dataset
from attribution.datasets.load import import_data
from attribution.errors import UserError
from attribution.models.build import build_model, identity, inputs_for
from attribution.models.features import inputs_of
from attribution.models.predict import HeldInputs
from attribution.transforms.handing import keep, made, place
from attribution.transforms.settle import settled_shape
from attribution.trust import trust

STEPS = "resize=20,crop=16,mean=0.5/0.4/0.3,std=0.2/0.25/0.3"
RECIPE = TrainConfig(epochs=2, batch_size=8, device="cpu")
HALVES = """
import numpy as np
import torch

def halves(picture):
    return torch.from_numpy(np.asarray(picture.resize((8, 6)), dtype=np.float32).transpose(2, 0, 1) / 510)
"""


@pytest.fixture
def pictures(tmp_path):
    """Two class folders of 24 pictures each, 30 x 22 and 40 x 40: an import brings them to one size."""
    chance = np.random.default_rng(0)
    for label, brightness in (("dark", 60), ("bright", 160)):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        for number in range(24):
            size = (22, 30, 3) if number % 2 else (40, 40, 3)
            pixels = np.clip(chance.normal(brightness, 40, size), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / label / f"{number:02d}.png")
    return tmp_path / "pictures"


def imported(pictures, tmp_path) -> Dataset:
    return import_data(DataConfig(path=str(pictures)), tmp_path / "data", "pictures")


def by_hand(path) -> np.ndarray:
    """``STEPS``, written out."""
    picture = Image.open(path).convert("RGB")
    short = min(picture.size)
    picture = picture.resize(tuple(int(20 * side / short) for side in picture.size), Image.Resampling.BILINEAR)
    left, top = (round((side - 16) / 2) for side in picture.size)
    pixels = np.asarray(picture, dtype=np.float32)[top : top + 16, left : left + 16] / 255
    return ((pixels - [0.5, 0.4, 0.3]) / [0.2, 0.25, 0.3]).transpose(2, 0, 1)


def test_originals_are_the_files_at_their_own_size(pictures, tmp_path):
    dataset = imported(pictures, tmp_path)
    for row in range(0, len(dataset), 7):
        original = dataset.originals[row]
        assert np.array_equal(np.asarray(original), np.asarray(Image.open(pictures / dataset.ids[row])))
    assert len(dataset.originals) == len(dataset)


def test_pictures_that_were_not_resized_need_no_source(pictures, tmp_path):
    for path in pictures.rglob("*[13579].png"):
        path.unlink()
    dataset = imported(pictures, tmp_path)
    before = [np.asarray(dataset.originals[row]) for row in range(len(dataset))]
    pictures.rename(tmp_path / "elsewhere")
    again = Dataset.open(dataset.folder)
    assert all(np.array_equal(np.asarray(again.originals[row]), pixels) for row, pixels in enumerate(before))


def test_a_source_that_moved_or_changed_is_said(pictures, tmp_path):
    dataset = imported(pictures, tmp_path)
    resized = next(row for row in range(len(dataset)) if dataset.originals[row].size == (40, 40))
    Image.new("RGB", (40, 40)).save(pictures / dataset.ids[resized])
    with pytest.raises(UserError, match="has changed since"):
        Dataset.open(dataset.folder).originals[resized]
    pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="does not exist") as found:
        Dataset.open(dataset.folder).originals[resized]
    assert str(pictures) in found.value.do


def test_data_of_a_former_version_find_their_source_by_the_project(pictures, tmp_path):
    project = Project.create("one", DataConfig(path=str(pictures)))
    (project.folder / "data" / "origin.json").unlink()
    dataset = Dataset.open(project.folder / "data")
    assert {dataset.originals[row].size for row in range(len(dataset))} == {(30, 22), (40, 40)}


def test_declared_steps_are_those_written_out(pictures, tmp_path):
    dataset = imported(pictures, tmp_path)
    model = ModelConfig(transform=STEPS, shape=settled_shape(dataset, STEPS))
    assert model.shape == (3, 16, 16)
    found = dataset.tensor(dataset.rows("all"), inputs=inputs_for(model)).numpy()
    wanted = np.stack([by_hand(pictures / name) for name in dataset.ids])
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 1e-6


@pytest.mark.parametrize("how", ["reference", "copy"])
def test_pictures_that_are_referred_to_are_transformed_at_their_own_size(pictures, tmp_path, how):
    config = DataConfig(path=str(pictures), reference=how)
    dataset = import_data(config, tmp_path / "data", "pictures")
    inputs = inputs_for(ModelConfig(transform=STEPS, shape=(3, 16, 16)))
    wanted = np.stack([by_hand(pictures / name) for name in dataset.ids])
    assert np.abs(dataset.tensor(dataset.rows("all"), inputs=inputs).numpy() - wanted).max() < 1e-6


def test_large_tensors_are_not_held_in_memory(pictures, tmp_path):
    dataset = imported(pictures, tmp_path)
    inputs = inputs_for(ModelConfig(transform=STEPS, shape=(3, 16, 16)))
    rows = dataset.rows("train")
    limit = len(rows) * 16 * 16 * 3 * 4  # of the transformed tensors, whatever the stored copies take
    held, read = (HeldInputs(dataset, rows, torch.device("cpu"), inputs, limit - less) for less in (0, 1))
    assert held._held is not None
    assert read._held is None
    assert torch.equal(held.at(torch.arange(5)), read.at(torch.arange(5)))


def test_tensors_are_kept_whole_and_by_content(pictures, tmp_path):
    dataset = imported(pictures, tmp_path)
    inputs = inputs_for(ModelConfig(transform=STEPS, shape=(3, 16, 16)))
    few = dataset.tensor(np.arange(3), inputs=inputs)
    assert not place(dataset, inputs).exists()
    keep(dataset, inputs)
    kept = np.load(place(dataset, inputs), mmap_mode="r")
    assert kept.shape == (len(dataset), 3, 16, 16)
    assert torch.equal(dataset.tensor(np.arange(3), inputs=inputs), few)
    other = replace(inputs, identity="another")
    assert place(dataset, other) != place(dataset, inputs)
    assert not list(place(dataset, inputs).parent.glob("*.tmp"))


def test_large_tensors_are_made_when_asked_for(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("attribution.transforms.handing.KEPT_BYTES", 1000)
    dataset = imported(pictures, tmp_path)
    inputs = inputs_for(ModelConfig(transform=STEPS, shape=(3, 16, 16)))
    found = dataset.tensor(dataset.rows("all"), inputs=inputs).numpy()
    assert not place(dataset, inputs).exists()
    assert np.array_equal(found, made(dataset, dataset.rows("all"), inputs))


@pytest.mark.parametrize("name", ["auto", "logistic", "mlp", "cnn", "resnet"])
def test_networks_are_built_for_what_the_transform_gives(pictures, tmp_path, name):
    dataset = imported(pictures, tmp_path)
    config = ModelConfig(name=name, transform=STEPS, shape=(3, 16, 16))
    network = build_model(config, dataset.info, 0)
    assert network(dataset.tensor(np.arange(2), inputs=inputs_of(network))).shape == (2, 2)


def test_a_project_with_a_transform_works_from_end_to_end(pictures, tmp_path):
    project = Project.create("one", DataConfig(path=str(pictures)), ModelConfig(name="mlp", transform=STEPS), RECIPE)
    assert project.model_config.shape == (3, 16, 16)
    assert any("16" in line for line in project.first_look["said"])
    project.train()
    scores = project.score(ScoreConfig(queries="test", device="cpu"))
    pictures.rename(tmp_path / "elsewhere")  # the tensors are kept with the project
    again = Project.open("one")
    model = again.run.model(-1, again.dataset)
    row, query = again.labels.train_rows(again.dataset)[0], again.dataset.rows("test")[0]
    slopes = []
    for one in (row, query):
        x = torch.tensor(by_hand(tmp_path / "elsewhere" / again.dataset.ids[one])[None], dtype=torch.float32)
        loss = torch.nn.functional.cross_entropy(model(x), torch.tensor([again.dataset.labels[one]]))
        slopes.append(torch.cat([part.flatten() for part in torch.autograd.grad(loss, list(model.parameters()))]))
    rows, values = scores.matrix()
    found = values[list(rows).index(row), [int(scores.query_rows(c)[0]) for c in range(scores.n_queries)].index(query)]
    assert found == pytest.approx(float(slopes[0] @ slopes[1]), rel=1e-4)


def test_a_function_of_ones_own_is_trusted_by_hash(pictures, tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(HALVES)
    data, model = DataConfig(path=str(pictures)), ModelConfig(name="mlp", transform=f"{code}:halves")
    with pytest.raises(UserError, match="not trusted"):
        Project.create("one", data, model)
    project = Project.create("one", data, model, RECIPE, trust_code=True)
    assert project.model_config.shape == (3, 6, 8)
    before = identity(project.model_config, "image")
    assert [one.path for one in project.codes] == [code]
    code.write_text(HALVES.replace("510", "255"))
    assert identity(project.model_config, "image") != before
    assert not Project.open("one").trusted
    trust(code)
    assert Project.open("one").trusted


def test_a_run_is_asked_only_with_the_transform_that_it_was_trained_with(pictures, tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(HALVES)
    model = ModelConfig("mlp", transform=f"{code}:halves")
    project = Project.create("one", DataConfig(path=str(pictures)), model, RECIPE, trust_code=True)
    run = project.train()
    code.write_text(HALVES.replace("510", "255"))
    trust(code)
    with pytest.raises(UserError, match="or its transform has changed"):
        run.model(-1, project.dataset)


def test_attacks_stay_within_black_and_white_as_the_transform_makes_them(pictures, tmp_path):
    project = Project.create("one", DataConfig(path=str(pictures)), ModelConfig("mlp", transform=STEPS), RECIPE)
    project.train()
    scores = project.score(ScoreConfig(queries="test", device="cpu", measure="fgsm"))
    assert np.isfinite(scores.matrix()[1]).all()


def test_the_columns_of_a_table_do_not_stand_in_what_a_transform_makes(tmp_path):
    lines = [f"{n},{n * n % 7},{n % 2}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,label", *lines]) + "\n")
    code = tmp_path / "mine.py"
    code.write_text("import torch\n\ndef mine(row):\n    return torch.tensor([row['a'] / 40, row['b'] / 7, 1.0])\n")
    model = ModelConfig("mlp", transform=f"{code}:mine")
    project = Project.create("one", DataConfig(path=str(tmp_path / "t.csv")), model, RECIPE, trust_code=True)
    project.train()
    with pytest.raises(UserError, match="do not stand in it"):
        project.studies.plane.run()
    with pytest.raises(UserError, match="no change of a sample"):
        project.score(ScoreConfig(queries="test", device="cpu", measure="fgsm"))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return 'words'", "returned str, no tensor"),
        ("return torch.rand(3)", "another tensor the second time"),
        ("return torch.full((3,), float('nan'))", "NaN or infinity"),
        ("return torch.zeros(picture.size)", "of shape"),
        ("raise RuntimeError('too bright')", "too bright"),
    ],
)
def test_what_no_model_can_be_handed_is_refused_with_its_sample(pictures, tmp_path, body, said):
    code = tmp_path / "mine.py"
    code.write_text(f"import torch\n\ndef mine(picture):\n    {body}\n")
    with pytest.raises(UserError, match=said):
        Project.create("one", DataConfig(path=str(pictures)), ModelConfig(transform=f"{code}:mine"), trust_code=True)


def test_texts_and_rows_are_handed_as_they_are(tmp_path):
    lines = [f'"word {"great" if n % 2 else "poor"} {n}",{n % 2},{n}' for n in range(40)]
    (tmp_path / "texts.csv").write_text("\n".join(["said,label,number", *lines]) + "\n")
    code = tmp_path / "mine.py"
    code.write_text(
        "import torch\n\n"
        "def length(text):\n    return torch.tensor([len(text), 'great' in text], dtype=torch.float32)\n\n"
        "def number(row):\n    return torch.tensor([row['number'] / 40, 1.0])\n"
    )
    texts = DataConfig(path=str(tmp_path / "texts.csv"), text="said", features=("number",))
    project = Project.create("texts", texts, ModelConfig(transform=f"{code}:length"), RECIPE, trust_code=True)
    assert project.model_config.shape == (2,)
    assert project.train().model_config.name == "auto"
    rows = DataConfig(path=str(tmp_path / "texts.csv"), features=("number",))
    project = Project.create("rows", rows, ModelConfig("mlp", transform=f"{code}:number"), RECIPE, trust_code=True)
    found = project.dataset.tensor(np.arange(4), inputs=inputs_for(project.model_config))
    assert np.allclose(found[:, 0] * 40, project.dataset.samples["col:number"][:4])


def test_keys_without_a_transform_are_those_of_before():
    assert identity(ModelConfig(name="mlp"), "image") == {"name": "mlp", "width": 0, "code": ""}


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(transform="imagenet", mean=(0.5,)),
        ModelConfig(transform="imagenet", inputs="raw"),
        ModelConfig(train_transform="imagenet"),
        ModelConfig(transform="nonsense"),
        ModelConfig(transform="resize=0"),
        ModelConfig(transform="blur=3"),
        ModelConfig(transform="resize=20,size=30"),
    ],
)
def test_what_contradicts_itself_is_refused(config):
    with pytest.raises(UserError):
        inputs_for(config)


def test_words_that_cannot_work_are_refused_before_the_data_are_read(tmp_path):
    for wrong in ("resize=abc", "crop=0", "nothing"):
        with pytest.raises(UserError, match="transform"):
            Project.create("one", DataConfig(path=str(tmp_path / "no folder")), ModelConfig(transform=wrong))


def test_the_order_of_the_steps_as_typed_changes_no_key():
    first, second = (ModelConfig(transform=said) for said in ("crop=224,resize=256", "resize=256, crop=224/224"))
    assert json.dumps(inputs_for(first).request()) == json.dumps(inputs_for(second).request())
