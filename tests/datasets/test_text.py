"""Texts: tokens, the vocabulary of the training texts, and hashes of what was said."""

import numpy as np
import pandas as pd
import pytest

from attribution.datasets.encode import normalise, tokens_of
from attribution.datasets.load import import_data, preview
from attribution.errors import UserError
from attribution.settings.configs import DataConfig


def save(tmp_path, texts, labels, splits=None):
    frame = pd.DataFrame({"text": texts, "label": labels})
    frame.assign(**({"split": splits} if splits else {})).to_csv(tmp_path / "texts.csv", index=False)
    return DataConfig(path=str(tmp_path / "texts.csv"), text="text", val_fraction=0.0)


def test_tokens():
    assert tokens_of(normalise("It’s  GOOD, really!")) == ["it's", "good", ",", "really", "!"]
    assert tokens_of(normalise("好电影 in 2024")) == ["好", "电", "影", "in", "2024"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("यह फिल्म बहुत अच्छी थी 7", ["यह", "फिल्म", "बहुत", "अच्छी", "थी", "7"]),
        ("இந்த படம் நல்லது", ["இந்த", "படம்", "நல்லது"]),
        ("فِيلْم جَيِّد", ["فِيلْم", "جَيِّد"]),
        ("می\u200cخواهم بروم", ["می\u200cخواهم", "بروم"]),
        ("หนังดี", ["ห", "นั", "ง", "ดี"]),  # written without blanks: one sign with its marks
        ("e\u0301te\u0301 d'e\u0301te\u0301", ["été", "d'été"]),
        ("good\u200b film\ufeff", ["good", "film"]),
        ("❤️ 👩\u200d💻!", ["❤️", "👩\u200d💻", "!"]),
        ("\u0301 a", ["a"]),  # an accent without a letter
        ("\u200b\u00ad\u3164", []),
    ],
)
def test_words_of_every_script_stay_whole(text, words):
    assert tokens_of(normalise(text)) == words


def test_vocabulary_comes_from_training_texts_by_frequency_then_spelling(tmp_path):
    config = save(tmp_path, ["b a b", "c a d", "b zzz"], ["x", "y", "x"], ["train", "train", "test"])
    dataset = import_data(config, tmp_path / "data", "t")
    assert dataset.info.preprocessing["vocabulary"] == ["<padding>", "<unknown>", "a", "b", "c", "d"]
    assert np.asarray(dataset.inputs).tolist() == [[3, 2, 3], [4, 2, 5], [3, 1, 0]]
    assert dataset.inputs.dtype == np.int32
    assert dataset.info.shape == preview(config)["shape"] == (3,)
    assert dataset.samples["text"].tolist() == ["b a b", "c a d", "b zzz"]


def test_limits_of_length_and_vocabulary(tmp_path):
    save(tmp_path, ["a a b", "c c a d"], ["x", "y"], ["train", "train"])
    config = DataConfig(
        path=str(tmp_path / "texts.csv"), text="text", max_tokens=2, vocabulary=1, val_fraction=0, test_fraction=0
    )
    dataset = import_data(config, tmp_path / "data", "t")
    assert np.asarray(dataset.inputs).tolist() == [[2, 2], [1, 1]]
    told = {one["where"]: one["what"] for one in dataset.info.problems}
    assert told == {
        "texts": "2 of 2 are longer than 2 tokens (max_tokens) and cut; the longest has 4",
        "words": "only the 1 most frequent of 2 are told apart (vocabulary)",
    }
    assert preview(config)["problems"][0]["what"] == told["texts"]


def test_hash_ignores_case_spacing_and_quotes(tmp_path):
    texts = ["It's  good", "it’s GOOD", "it's bad"]
    dataset = import_data(save(tmp_path, texts, ["x", "y", "y"], ["train"] * 3), tmp_path / "data", "t")
    first, second, third = dataset.hashes
    assert first == second != third


def test_missing_and_wordless_texts_are_named(tmp_path):
    with pytest.raises(UserError, match=r"Row 2 of texts\.csv has no value in column text"):
        preview(save(tmp_path, ["a", "", "b"], ["x", "y", "x"]))
    with pytest.raises(UserError, match=r"Row 3 of texts\.csv has no word in its text"):
        import_data(save(tmp_path, ["a", "c", "_"], ["x", "y", "x"]), tmp_path / "data", "t")
    with pytest.raises(UserError, match=r"Row 2 of texts\.csv has no value in column text"):
        import_data(save(tmp_path, ["a", "\u200b", "c"], ["x", "y", "x"]), tmp_path / "data", "t")
    with pytest.raises(UserError, match=r"no column 'body'.*text, label"):
        preview(DataConfig(path=str(tmp_path / "texts.csv"), text="body"))
