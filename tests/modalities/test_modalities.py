"""Cards: crisp thumbnails, plain words, alternative text, for every registered modality."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from attribution.datasets.dataset import DatasetInfo
from attribution.datasets.load import import_data
from attribution.errors import UserError
from attribution.modalities import alt, describe, modalities, modality_of, thumbnail
from attribution.modalities.base import shorten
from attribution.modalities.image import png
from attribution.settings.configs import DataConfig


@pytest.fixture(scope="module")
def datasets(tmp_path_factory):
    """One small dataset of each modality."""
    folder = tmp_path_factory.mktemp("modalities")
    np.savez(
        folder / "images.npz",
        X=np.arange(4 * 28 * 28, dtype=np.uint32).reshape(4, 28, 28) % 256,
        y=np.array([0, 1, 0, 1]),
    )
    frame = pd.DataFrame({"text": ["A fine   film.", "word " * 100] * 2, "label": ["good", "bad"] * 2})
    frame.to_csv(folder / "texts.csv", index=False)
    pd.DataFrame({"age": [39, 50] * 2, "hours": [7.25, 40.0] * 2, "label": ["no", "yes"] * 2}).to_csv(
        folder / "rows.csv", index=False
    )
    waves = np.random.default_rng(0).normal(size=(4, 20, 3)).astype(np.float32)
    np.savez(folder / "waves.npz", X=waves, y=np.array([0, 1, 0, 1]))
    files = {"image": ("images.npz", ""), "text": ("texts.csv", "text"), "tabular": ("rows.csv", "")}
    files["array"] = ("waves.npz", "")
    turns = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "So it is."}]
    (folder / "chats.jsonl").write_text(f"{json.dumps({'messages': turns})}\n" * 4)
    files["chat"] = ("chats.jsonl", "")
    share = {"val_fraction": 0.0, "test_fraction": 0.0}
    return {
        name: import_data(DataConfig(path=str(folder / file), text=text, **share), folder / name, name)
        for name, (file, text) in files.items()
    }


def test_every_modality_of_the_data_layer_is_registered():
    assert modalities.names() == ["array", "chat", "image", "tabular", "text"]


@pytest.mark.parametrize("name", modalities.names())
def test_every_modality_describes_its_samples(datasets, name):
    dataset = datasets[name]
    for row in range(len(dataset)):
        assert 0 < len(describe(dataset, row)) <= 280
        assert str(dataset.ids[row]) in alt(dataset, row)
        assert name == "chat" or dataset.info.classes[dataset.labels[row]] in alt(dataset, row)
        assert (thumbnail(dataset, row) is not None) == (name in ("image", "array"))


def test_words(datasets):
    assert describe(datasets["tabular"], 0) == "age 39, hours 7.25"
    assert describe(datasets["text"], 0) == "A fine film."
    assert describe(datasets["chat"], 0) == "Why? → So it is."
    assert describe(datasets["text"], 1).endswith("word…")
    assert describe(datasets["image"], 0) == "X[0]"
    assert alt(datasets["image"], 1) == "28 by 28 pixel grey picture row-00001, imported with the label 1"


def test_tiny_pictures_are_enlarged_by_a_whole_factor(datasets):
    image = Image.open(io.BytesIO(thumbnail(datasets["image"], 2, size=96)))
    assert image.size == (84, 84)
    original = datasets["image"].inputs[2, :, :, 0]
    assert (np.asarray(image) == np.kron(original, np.ones((3, 3), dtype=np.uint8))).all()


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [((100, 50, 3), 96, (48, 96)), ((60, 60, 1), 96, (60, 60)), ((1, 200, 1), 96, (96, 1))],
)
def test_larger_pictures_fit(shape, size, expected):
    assert Image.open(io.BytesIO(png(np.zeros(shape, dtype=np.uint8), size))).size == expected


def test_thumbnails_are_deterministic(datasets):
    assert thumbnail(datasets["image"], 0) == thumbnail(datasets["image"], 0)


def test_unknown_modality_is_a_user_error(datasets):
    class Sound:
        class info:
            modality = "sound"

    with pytest.raises(UserError, match="modality called 'sound'"):
        modality_of(Sound)


def test_shorten_cuts_at_words():
    assert shorten("one two three", 9) == "one two…"
    assert shorten("one  two", 9) == "one two"
    assert shorten("a" * 20, 9) == "a" * 8 + "…"


def info_of(modality, **preprocessing):
    return DatasetInfo("x", modality, ("a", "b"), (2,), {}, "", preprocessing=preprocessing)


def test_words_and_categories_cannot_be_attacked():
    def attackable(modality, **preprocessing):
        return modalities.get(modality)().attackable(info_of(modality, **preprocessing))

    assert attackable("image")
    assert not attackable("text")
    assert not attackable("tabular", columns=[{"kind": "category"}])
    assert attackable("tabular", columns=[{"kind": "category"}, {"kind": "number"}])


def test_shapes_are_told_in_the_words_of_the_modality():
    assert modalities.get("image")().shape_words((1, 28, 28)) == "1 × 28 × 28 pixels"
    assert modalities.get("text")().shape_words((48,)) == "48 tokens"
    assert modalities.get("array")().shape_words((100, 6)) == "100 × 6 numbers"
