"""What New project shows back."""

import pandas as pd
import pytest

from attribution.modalities import modalities
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
    from attribution.models.sources import sources

    offered = {modality: importing.networks_for(modality) for modality in modalities.names()}
    for modality, names in offered.items():
        assert set(zoo.names_for(modality)) <= set(names)
    from_sources = {one.name for one in sources.each() if one.kinds}
    assert set().union(*offered.values()) == set(importing.MODELS) | from_sources
    assert from_sources >= {"hf", "timm", "torchvision"}
    assert importing.network_title("auto", "chat").startswith("Chosen for the data: Small transformer")
    assert all(importing.network_title(name) != name for name in set().union(*offered.values()))


def test_columns_are_found_behind_every_separator_and_header(tmp_path):
    (tmp_path / "a.csv").write_text("x1; x2;\ufefflabel\n1;2;a\n")
    assert importing.columns_of(str(tmp_path / "a.csv")) == ["x1", "x2", "label"]
    (tmp_path / "b.csv").write_bytes("x,é\n1,2\n".encode("cp1252"))
    assert importing.columns_of(str(tmp_path / "b.csv")) == []
    (tmp_path / "parts").mkdir()
    pd.DataFrame({"x": [1], "label": [2]}, index=pd.Index(["a"], name="key")).to_parquet(
        tmp_path / "parts" / "part-0.parquet"
    )
    assert importing.kind_of(str(tmp_path / "parts")) == "table"
    assert importing.columns_of(str(tmp_path / "parts")) == ["x", "label", "key"]
    assert importing.kind_of("a\0b") == "folder"


def test_a_label_is_guessed_where_only_one_column_fits():
    tickets = pd.DataFrame(
        {"number": range(40), "body": [f"text {i}" for i in range(40)], "team": ["tech", "sales"] * 20}
    )
    assert importing.guess_label(tickets) == 2
    assert importing.guess_label(tickets.assign(also=["a", "b"] * 20)) is None
    assert importing.guess_label(tickets.assign(share=[0.5, 1.5] * 20)) == 2  # fractions are no classes
    assert importing.guess_label(tickets.assign(y=range(40))) == 3  # by its name
    assert importing.guess_label(pd.DataFrame()) is None


def test_a_guess_must_be_able_to_serve():
    rows = pd.DataFrame({"id": ["a", "a", "b"], "subset": ["x", "y", "z"], "group": ["m", "f", "m"]})
    assert [importing.guess_column(rows, purpose) for purpose in ("id", "split", "group", "text")] == [
        None,
        None,
        2,
        None,
    ]
    fine = rows.assign(id=["a", "b", "c"], subset=["train", "dev", "test"])
    assert [importing.guess_column(fine, purpose) for purpose in ("id", "split")] == [0, 1]


def test_features_are_named_only_where_some_are_left_out():
    columns = ["Unnamed: 0", "a", "b", "label", "split"]
    assert importing.left_features(columns, ["label", ""], []) == ()
    assert importing.left_features(columns, ["label", ""], ["b"]) == ("a",)


def test_uploads_are_kept_by_their_content(tmp_path):
    first, second = b"x,label\n1,cat\n", b"x,label\n1,cow\n"
    one, other = importing.kept_upload(tmp_path, "pets.csv", first), importing.kept_upload(tmp_path, "pets.csv", second)
    assert (one.read_bytes(), other.read_bytes(), one.name) == (first, second, "pets.csv")
    assert importing.kept_upload(tmp_path, "pets.csv", first) == one
    assert importing.kept_upload(tmp_path, "../../pets.csv", first) == one
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["pets.csv", "pets.csv"]


def test_a_stamp_follows_what_is_there(tmp_path):
    import os

    path = tmp_path / "a.csv"
    path.write_text("x,label\n1,a\n")
    before = importing.stamp(str(path))
    path.write_text("x,label\n1,b\n")
    os.utime(path, ns=(1, 1))
    assert importing.stamp(str(path)) != before
    (tmp_path / "cat").mkdir()
    folder = importing.stamp(str(tmp_path))
    (tmp_path / "cat" / "1.png").touch()
    os.utime(tmp_path / "cat", ns=(5, 5))
    assert importing.stamp(str(tmp_path)) != folder
    assert importing.stamp(str(tmp_path / "gone")) == importing.stamp("a\0b") == ""
