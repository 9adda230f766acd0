"""What New project shows back."""

import pytest

from attribution.views import importing


def found(modality, shape, **more):
    base = {
        "modality": modality,
        "shape": shape,
        "n": 12,
        "classes": ["a", "b"],
        "balance": {"train": {"a": 5, "b": 4}, "test": {"a": 2, "b": 1}},
    }
    return {**base, **more}


@pytest.mark.parametrize(
    ("preview", "text"),
    [
        (found("image", (1, 28, 32)), "12 pictures of 32 × 28 pixels, grey, in 2 classes"),
        (found("text", (40,)), "12 texts of up to 40 words, in 2 classes"),
        (found("tabular", (14,)), "12 rows with 14 model inputs, in 2 classes"),
    ],
)
def test_summary(preview, text):
    assert importing.summary_line(preview) == text


def test_balance_and_examples():
    table = importing.balance_table(found("text", (4,)))
    assert table.columns.tolist() == ["class", "training", "test"]
    examples = [{"label": "a", "split": "train", "text": "hello"}, {"label": "b", "split": "test", "text": "bye"}]
    assert importing.example_table(found("text", (4,), examples=examples))["text"].tolist() == ["hello", "bye"]


def test_what_was_left_out_comes_first_and_is_counted():
    problems = [
        {"where": "column c", "what": "400 different values", "kind": "note", "count": 0},
        {"where": "cat/a.txt", "what": "not a picture", "kind": "left out", "count": 1},
        {"where": "test/", "what": "no class folders", "kind": "left out", "count": 6},
    ]
    assert importing.problem_table(problems)["where"].tolist() == ["cat/a.txt", "test/", "column c"]
    assert importing.counts_sentence(31, problems) == "31 seen, 24 taken, 7 left out."
    assert importing.counts_sentence(24, problems[:1]) == importing.counts_sentence(0, problems) == ""


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("/data/my images", "folder", "my-images"),
        ("/data/re.views.csv", "table", "re-views"),
        ("C:\\x\\a.npz", "archive", "a"),
        ("/", "folder", "project"),
    ],
)
def test_paths(path, kind, name):
    assert importing.kind_of(path) == kind
    assert importing.project_name(path) == name


def test_columns_of_a_table(tmp_path):
    import pandas as pd

    frame = pd.DataFrame({"Review": ["a, b"], "label": [1], "split": ["train"]})
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    for name in ("a.csv", "a.parquet", "a.jsonl"):
        assert importing.columns_of(str(tmp_path / name)) == ["Review", "label", "split"]
    (tmp_path / "bad.parquet").write_text("no")
    assert importing.columns_of(str(tmp_path / "bad.parquet")) == []
    assert importing.columns_of(str(tmp_path)) == []


def test_guesses_by_name():
    columns = ["uid", "Review", "label"]
    assert importing.guess(columns, "label") == 2
    assert importing.guess(columns, "text") == 1
    assert importing.guess(columns, "id") == 0
    assert importing.guess(columns, "split") is None


def test_every_built_in_network_can_be_chosen():
    """A network added to the zoo must get its words here."""
    from attribution.models import zoo

    for modality, offered in importing.FITTING.items():
        assert set(zoo.names_for(modality)) <= set(offered)
    assert set().union(*importing.FITTING.values()) == set(importing.MODELS)
