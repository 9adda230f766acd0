"""Tables as they are met in the field: each kind is read as it is meant and said, or refused with its row."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from attribution.datasets.load import import_data, preview
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

RNG = np.random.default_rng(0)


def plain(n=60, **columns):
    """x1 tells the label apart, x2 is noise."""
    y = np.arange(n) % 2
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "x1": (rng.normal(size=n) + 2 * y).round(3),
            "x2": rng.normal(size=n).round(3),
            "label": np.where(y, "yes", "no"),
        }
    )
    return frame.assign(**columns)


def lines(frame):
    return "\n".join(json.dumps(record) for record in frame.to_dict("records"))


def load(path, tmp_path, **config):
    return import_data(DataConfig(path=str(path), **config), tmp_path / "data", "t")


def csv(frame, tmp_path, **how):
    frame.to_csv(tmp_path / "t.csv", index=False, **how)
    return tmp_path / "t.csv"


def written(text, tmp_path, name="t.csv", encoding="utf-8"):
    (tmp_path / name).write_bytes(text.encode(encoding))
    return tmp_path / name


def notes(dataset, kind="note"):
    return {
        problem["where"]: problem["what"]
        for problem in dataset.info.problems
        if problem["kind"] == kind and problem["where"] != "features"
    }


def inputs_of(dataset):
    return [column["name"] for column in dataset.info.preprocessing["columns"]]


# --- how files are written


@pytest.mark.parametrize(
    ("separator", "said"),
    [(";", "separated by semicolons"), ("\t", "separated by tabs"), ("|", "separated by vertical bars"), (",", "")],
)
def test_the_separator_is_found_out_and_said(tmp_path, separator, said):
    dataset = load(csv(plain(), tmp_path, sep=separator), tmp_path)
    assert inputs_of(dataset) == ["x1", "x2"]
    assert len(dataset) == 60
    assert said in notes(dataset).get("t.csv", "")
    assert bool(said) == ("t.csv" in notes(dataset))


def test_a_text_full_of_other_separators_does_not_change_it(tmp_path):
    frame = pd.DataFrame({"body": [f"one; two | three {i}" for i in range(20)], "label": ["a", "b"] * 10})
    dataset = load(csv(frame, tmp_path), tmp_path, text="body")
    assert dataset.samples["text"][0].startswith("one; two | three")
    assert notes(dataset) == {}


def test_excels_line_about_the_separator_is_no_header(tmp_path):
    dataset = load(written("sep=;\r\n" + plain().to_csv(index=False, sep=";"), tmp_path), tmp_path)
    assert inputs_of(dataset) == ["x1", "x2"]
    assert len(dataset) == 60


def test_decimal_commas_behind_semicolons(tmp_path):
    dataset = load(csv(plain(), tmp_path, sep=";", decimal=","), tmp_path)
    np.testing.assert_allclose(sorted(dataset.samples["col:x1"]), sorted(plain()["x1"]))
    assert "decimal comma" in notes(dataset)["column x1"]


def test_dots_between_thousands_where_the_file_has_decimal_commas(tmp_path):
    text = "a;b;label\n" + "\n".join(f"{1 + i % 7}.{i % 10}00;{i},5;{'xy'[i // 3 % 2]}" for i in range(60))
    dataset = load(written(text, tmp_path), tmp_path)
    assert dataset.samples["col:a"].min() >= 1000
    assert "dot between thousands" in notes(dataset)["column a"]
    doubtful = load(written(text.replace(",5", ""), tmp_path), tmp_path / "doubtful")
    assert doubtful.samples["col:a"].max() < 10
    assert "read with a decimal dot" in notes(doubtful)["column a"]


def test_spellings_of_a_category_fall_together_and_are_said(tmp_path):
    dataset = load(
        csv(plain(c=["cook", " cook", "co\u200bok", "nurse"] * 15), tmp_path, quoting=1), tmp_path, features=("x1", "c")
    )
    assert [column.get("value") for column in dataset.info.preprocessing["columns"]] == [None, "cook", "nurse"]
    assert notes(dataset)["column c"].startswith("2 spellings")


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl"])
def test_encodings_are_read_by_their_mark_or_refused_in_words(tmp_path, name):
    frame = plain(label=["café", "thé"] * 30)
    jsonl = "\n".join(json.dumps(record, ensure_ascii=False) for record in frame.to_dict("records"))
    text = frame.to_csv(index=False) if name == "t.csv" else jsonl
    for encoding in ("utf-8-sig", "utf-16"):
        dataset = import_data(DataConfig(path=str(written(text, tmp_path, name, encoding))), tmp_path / encoding, "t")
        assert set(dataset.info.classes) == {"café", "thé"}
        assert (notes(dataset).get(name) == "it is written in UTF-16") == (encoding == "utf-16")
    with pytest.raises(
        UserError,
        match=rf"{name} is not UTF-8 text \(line \d, has the byte 0xe9\)|line \d has the byte 0xe9.*WINDOWS-1252",
    ):
        load(written(text, tmp_path, name, "cp1252"), tmp_path)
    with pytest.raises(UserError, match="UTF-16 without"):
        load(written(text, tmp_path, name, "utf-16-le"), tmp_path)


def test_half_a_surrogate_pair_is_replaced_and_said(tmp_path):
    frame = [
        {"body": "nice \ud83d film" if i == 0 else f"film {i}", "label": ("a\ud83d", "b")[i % 2]} for i in range(60)
    ]
    dataset = load(written("\n".join(map(json.dumps, frame)), tmp_path, "t.jsonl"), tmp_path, text="body")
    assert "nice \ufffd film" in set(dataset.samples["text"])
    assert dataset.info.classes == ("a\ufffd", "b")
    assert "half a surrogate pair (30 lines do)" in notes(dataset)["line 1"]


def test_blanks_and_invisible_signs_in_a_header(tmp_path):
    text = "x1, x2 , la\u200bbel\n" + "\n".join(f"{a}, {b}, {c}" for a, b, c in plain().itertuples(index=False))
    dataset = load(written(text, tmp_path), tmp_path)
    assert inputs_of(dataset) == ["x1", "x2"]
    assert dataset.info.classes == ("no", "yes")
    assert notes(dataset) == {}


def test_a_separator_at_the_end_of_every_line(tmp_path):
    text = "x1,x2,label,\n" + "\n".join(f"{a},{b},{c}," for a, b, c in plain().itertuples(index=False))
    dataset = load(written(text, tmp_path), tmp_path)
    assert inputs_of(dataset) == ["x1", "x2"]
    assert notes(dataset, "left out") == {"column 4": "has no name and no values"}
    assert dataset.info.seen == 60  # a column is no row


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("t.csv", "x1,label,label\n1,a,a\n2,b,b\n", r"t\.csv has two columns called 'label' \(columns 2, 3\)"),
        ("t.csv", "x1,label, label\n1,a,a\n2,b,b\n", "two columns called 'label'"),
        ("t.jsonl", '{"x": 1, "label": "a", "label": "b"}\n', "Line 1 of t.jsonl has 'label' twice"),
        ("t.jsonl", '{"x": 1, "label": "a", " label": "b"}\n', "two columns called 'label'"),
        (
            "t.jsonl",
            '{"x": ' + "9" * 5001 + ', "label": "a"}\n',
            "Line 1 of t.jsonl has a number of thousands of digits",
        ),
        ("t.jsonl", '{"x": ' + "[" * 100_000 + "\n", "Line 1 of t.jsonl is (nested too deeply|not JSON)"),
        ("t.csv", ",,\n1,2,3\n", "holds no column names"),
    ],
)
def test_what_cannot_be_told_apart_is_refused(tmp_path, name, text, match):
    with pytest.raises(UserError, match=match):
        load(written(text, tmp_path, name), tmp_path)


def test_two_columns_of_one_name_in_parquet(tmp_path):
    data = plain()
    arrays = [pyarrow.array(data["x1"]), pyarrow.array(data["x2"]), pyarrow.array(data["label"].tolist())]
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names=["a", "a", "label"]), tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"t\.parquet has two columns called 'a'"):
        load(tmp_path / "t.parquet", tmp_path)


def test_the_index_of_a_parquet_file_can_be_the_id_and_is_no_feature(tmp_path):
    plain().set_index(pd.Index([f"cust{i}" for i in range(60)], name="customer")).to_parquet(tmp_path / "t.parquet")
    dataset = load(tmp_path / "t.parquet", tmp_path, id="customer")
    assert sorted(dataset.ids) == sorted(f"cust{i}" for i in range(60))
    again = import_data(DataConfig(path=str(tmp_path / "t.parquet")), tmp_path / "again", "t")
    assert inputs_of(again) == inputs_of(dataset) == ["x1", "x2"]
    assert "--id customer" in notes(again, "left out")["column customer"]


def test_a_folder_of_parquet_parts_is_one_table(tmp_path):
    folder, data = tmp_path / "data.parquet", plain()
    folder.mkdir()
    data[30:].to_parquet(folder / "part-1.parquet")
    data[:30].to_parquet(folder / "part-0.parquet")
    (folder / "_SUCCESS").touch()
    (folder / "notes.txt").write_text("hello")
    data.to_parquet(tmp_path / "secret.parquet")
    (folder / "away.parquet").symlink_to(tmp_path / "secret.parquet")
    dataset = load(folder, tmp_path / "out", val_fraction=0, test_fraction=0)
    assert dataset.samples["col:x1"].tolist() == data["x1"].tolist()
    assert dataset.samples["source"].tolist()[29:31] == ["row 30 of part-0.parquet", "row 1 of part-1.parquet"]
    assert "2 Parquet files were read as one table" in notes(dataset)["data.parquet"]
    what = "not a part of the table (a .parquet file in this folder)"
    assert notes(dataset, "left out") == {"away.parquet": what, "notes.txt": what}
    assert dataset.info.seen == 62
    data.rename(columns={"x2": "other"}).to_parquet(folder / "part-2.parquet")
    with pytest.raises(UserError, match=r"part-2\.parquet and part-0\.parquet differ in the columns other, x2"):
        load(folder, tmp_path / "unlike")


def test_parts_called_after_splits_give_the_splits(tmp_path):
    folder, data = tmp_path / "hub", plain()
    folder.mkdir()
    data[:40].to_parquet(folder / "train-00000-of-00001.parquet")
    data[40:50].to_parquet(folder / "validation-00000-of-00001.parquet")
    data[50:].to_parquet(folder / "test-00000-of-00001.parquet")
    assert load(folder, tmp_path).info.counts == {"train": 40, "val": 10, "test": 10}
    data[50:].to_parquet(folder / "more.parquet")
    with pytest.raises(UserError, match="called after a split and some are not"):
        load(folder, tmp_path / "mixed")


# --- splits


def test_split_words_are_read_and_said_and_others_refused(tmp_path):
    frame = plain(split=["train"] * 40 + ["eval"] * 10 + ["holdout"] * 10)
    dataset = load(csv(frame, tmp_path), tmp_path)
    assert dataset.info.counts == {"train": 40, "val": 10, "test": 10}
    assert notes(dataset)["column split"] == "read 'eval' as val, 'holdout' as test"
    both = load(csv(plain(split=["Training"] * 40 + ["eval"] * 10 + ["dev"] * 10), tmp_path), tmp_path / "both")
    assert notes(both)["column split"] == "read 'Training' as train, 'eval' as test, 'dev' as val"
    assert inputs_of(dataset) == ["x1", "x2"]
    with pytest.raises(UserError, match=r"Row 60 of t\.csv has 'later' in column split"):
        load(csv(plain(split=["train"] * 59 + ["later"]), tmp_path), tmp_path / "no")
    feature = load(csv(plain(split=["a", "b", "c"] * 20), tmp_path), tmp_path / "feature", features=("x1", "split"))
    assert inputs_of(feature) == ["x1", "split", "split", "split"]
    like = load(csv(plain(part=["train"] * 40 + ["test"] * 20), tmp_path), tmp_path / "like")
    assert "--split part" in notes(like)["column part"]


# --- labels


def test_two_unicode_forms_are_one_class(tmp_path):
    labels = ["caf\u00e9" if i % 2 else "dog" for i in range(60)]
    labels[1] = labels[3] = "cafe\u0301"
    dataset = load(csv(plain(label=labels), tmp_path), tmp_path)
    assert dataset.info.classes == ("caf\u00e9", "dog")
    assert "2 labels in all" in notes(dataset)["Row 2 of t.csv"]


@pytest.mark.parametrize(
    "sign", ["\u200b", "\ufeff", "\u00ad", "\u00a0", " ", "\u2060", "\u200d", "\u202e", "\u3164", "\u180e"]
)
def test_what_cannot_be_seen_makes_no_class(tmp_path, sign):
    labels = plain()["label"].tolist()
    labels[5] = f"yes{sign}"
    labels[7] = f"{sign}yes"
    dataset = load(csv(plain(label=labels), tmp_path), tmp_path)
    assert dataset.info.classes == ("no", "yes")
    assert "signs that cannot be seen" in notes(dataset)["Row 6 of t.csv"]


def test_a_joiner_that_a_script_needs_stays(tmp_path):
    word = "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    assert word in load(csv(plain(label=[word, "b"] * 30), tmp_path), tmp_path).info.classes


def test_names_that_differ_by_case_alone_are_said(tmp_path):
    labels = plain()["label"].tolist()
    labels[:6] = ["Yes", "yes", "Yes", "yes", "YES", "no"]
    dataset = load(csv(plain(label=labels, split="train"), tmp_path), tmp_path, val_fraction=0, test_fraction=0)
    assert set(dataset.info.classes) == {"no", "yes", "Yes", "YES"}
    assert notes(dataset)["labels"].startswith("'YES', 'Yes', 'yes' differ only by case")


@pytest.mark.parametrize("labels", [[1, 1.0, 2], ["1", "1.0", "2"], ["1", "+1", "2.00"], ["1", "1e0", "2"]])
def test_one_number_is_one_class(tmp_path, labels):
    frame = plain(label=labels * 20)
    frame["label"] = pd.Series(labels * 20, dtype=object)
    dataset = load(written(lines(frame), tmp_path, "t.jsonl"), tmp_path)
    assert dataset.info.classes == ("1", "2")


def test_codes_keep_their_zeros(tmp_path):
    assert load(csv(plain(label=["01", "002"] * 30), tmp_path), tmp_path).info.classes == ("01", "002")


@pytest.mark.parametrize("label", [["a", "b"], '["a", "b"]', "['a']", "a|b", "a;b", "a,b"])
def test_several_labels_are_refused_with_the_row(tmp_path, label):
    labels = ["a" if not isinstance(label, list) else ["a"], label, "b", "a"] * 15
    frame = plain()
    frame["label"] = pd.Series(labels, dtype=object)
    with pytest.raises(
        UserError, match=r"label of row [12] of t\.jsonl is .*more than one label.*one label per sample"
    ):
        load(written(lines(frame), tmp_path, "t.jsonl"), tmp_path)


def test_a_list_in_parquet_is_refused_too(tmp_path):
    plain(label=[["a"], ["a", "b"]] * 30).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"label of row 1 of t\.parquet is \['a'\], which is more than one label"):
        load(tmp_path / "t.parquet", tmp_path)


def test_names_with_commas_are_names(tmp_path):
    dataset = load(csv(plain(label=["Smith, John", "Smith, Jane"] * 30), tmp_path), tmp_path)
    assert set(dataset.info.classes) == {"Smith, John", "Smith, Jane"}


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_label_is_refused_with_the_row(tmp_path, value):
    plain(label=[value if i == 0 else float(i % 2) for i in range(60)]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"label of row 1 of t\.parquet is -?inf"):
        load(tmp_path / "t.parquet", tmp_path)
    with pytest.raises(UserError, match=r"label of row 1 of t\.csv is -?inf|Row 1 of t\.csv is"):
        load(csv(plain(label=[value if i == 0 else i % 2 for i in range(60)]), tmp_path), tmp_path)


def test_labels_as_bytes(tmp_path):
    dataset = None
    plain(label=[b"ja", b"nein"] * 30).to_parquet(tmp_path / "t.parquet")
    dataset = load(tmp_path / "t.parquet", tmp_path)
    assert dataset.info.classes == ("ja", "nein")
    plain(label=[b"ja", b"\xff"] * 30).to_parquet(tmp_path / "u.parquet")
    with pytest.raises(UserError, match=r"label of row 2 of u\.parquet is b'\\xff', bytes that are not UTF-8"):
        load(tmp_path / "u.parquet", tmp_path / "no")


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ((np.arange(51) / 10), "51 different numbers from 0.0 to 5.0, some with fractions"),
        (np.arange(100), "100 different numbers from 0 to 99"),
        (np.arange(447) * 1000, "447 different numbers from 0 to 446000"),
        ([0.5, 1.0], "2 different numbers from 0.5 to 1.0, some with fractions"),
    ],
)
def test_a_quantity_is_no_label_until_it_is_called_one(tmp_path, values, match):
    path = csv(plain(3000, label=np.resize(np.asarray(values), 3000)), tmp_path)
    with pytest.raises(UserError, match=rf"{match}.*--number-classes"):
        load(path, tmp_path)
    dataset = import_data(DataConfig(path=str(path), number_classes=True, features=("x2",)), tmp_path / "yes", "t")
    assert len(dataset.info.classes) == len(values)


def test_many_whole_numbers_of_texts_may_be_class_numbers(tmp_path):
    frame = pd.DataFrame({"body": [f"word{i}" for i in range(231)], "label": [i % 77 for i in range(231)]})
    dataset = load(csv(frame, tmp_path), tmp_path, text="body")
    assert len(dataset.info.classes) == 77
    assert notes(dataset)["labels"] == "77 whole numbers from 0 to 76 were taken as classes; their order is not used"


def test_groups_have_one_form(tmp_path):
    dataset = load(csv(plain(g=["north", "north\u200b", "south"] * 20), tmp_path), tmp_path, group="g")
    assert set(dataset.samples["group"]) == {"north", "south"}
    assert "1 spelling fell together" in notes(dataset)["column g"]


def test_rows_without_a_label_are_left_out_and_listed(tmp_path):
    labels = plain()["label"].tolist()
    labels[17], labels[30], labels[31] = "", "\u200b", None
    dataset = load(csv(plain(label=labels), tmp_path), tmp_path)
    assert len(dataset) == 57
    assert notes(dataset, "left out") == {f"row {row}": "has no label" for row in (18, 31, 32)}
    assert (
        dataset.info.seen
        == 60
        == len(dataset) + sum(one["count"] for one in dataset.info.problems if one["kind"] == "left out")
    )
    assert "row-00018" not in set(dataset.ids)
    assert "row-00019" in set(dataset.ids)  # rows keep their numbers
    found = preview(DataConfig(path=str(tmp_path / "t.csv")))
    assert (found["seen"], found["n"]) == (60, 57)
    many = load(
        csv(plain(label=["a", "b", ""] * 20, split="train"), tmp_path),
        tmp_path / "many",
        val_fraction=0,
        test_fraction=0,
    )
    left = [one for one in many.info.problems if one["kind"] == "left out"] if many else []
    assert sum(one["count"] for one in left) == 20
    with pytest.raises(UserError, match=r"No row of t\.csv has a value in column label"):
        load(csv(plain(label=""), tmp_path), tmp_path / "none")


# --- features


def test_numbers_written_as_text_are_numbers_in_every_format(tmp_path):
    frame = plain().assign(
        age=[str(20 + 7 * i % 50) for i in range(60)], income=[f"{i * 100.5:.1f}" for i in range(60)]
    )[["age", "income", "label"]]
    frame.to_parquet(tmp_path / "t.parquet")
    for path in (written(lines(frame), tmp_path, "t.jsonl"), tmp_path / "t.parquet"):
        dataset = import_data(DataConfig(path=str(path)), tmp_path / path.suffix, "t")
        assert dataset.info.shape == (2,)
        assert notes(dataset) == {
            "column age": "read as numbers written as text: '20' is 20",
            "column income": "read as numbers written as text: '0.0' is 0",
        }
    table = import_data(DataConfig(path=str(csv(frame, tmp_path))), tmp_path / "csv", "t")
    assert (table.inputs == dataset.inputs).all()


@pytest.mark.parametrize(
    ("values", "numbers", "said"),
    [
        (["1,234.50", "3.00"], [1234.5, 3], "comma between thousands"),
        (["12%", "5.5 %"], [0.12, 0.055], "per cent"),
        (["0,5", "1,25"], [0.5, 1.25], "decimal comma"),
        (["1.234,5", "7,25"], [1234.5, 7.25], "dot between thousands"),
        (["1 234,5", "2,5"], [1234.5, 2.5], "blank between thousands"),
        (["1'234.5", "2"], [1234.5, 2], "apostrophe between thousands"),
        (["$1,200", "$-3"], [1200, -3], "amounts in \\$"),
        (["3 €", "4,5 €"], [3, 4.5], "amounts in €"),
        (["\u22123", "4"], [-3, 4], "written as text"),
        (["2024-01-31", "1970-01-02"], [19753, 1], "dates, read as days since 1970-01-01"),
        (["1970-01-01T12:00:00Z", "1970-01-02T00:00:00+00:00"], [0.5, 1], "dates"),
    ],
)
def test_numbers_that_are_not_spelled_plainly(tmp_path, values, numbers, said):
    dataset = load(csv(plain(c=[values[i // 2 % 2] for i in range(60)]), tmp_path), tmp_path, features=("x1", "c"))
    assert set(dataset.samples["col:c"]) == set(numbers)
    assert dataset.info.shape == (2,)
    assert re.search(said, notes(dataset)["column c"])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1,234", "1234"], "written in more than one way"),
        (["12", "12", "x"], "67% of its values are numbers"),
        (["31/01/2024", "05/02/2024"], "holds dates or times such as"),
        (["5 Jan 2024", "February 6, 2024"], "holds dates or times such as"),
        (["12:30", "9:15 pm"], "holds dates or times such as"),
        (["12%", "0.12", "14%", "15%", "16%"], "its values begin with numbers"),
        (["0x1f", "0x2", "0x3"], "its values begin with numbers"),
        (["12 kg", "13 kg", "14 kg"], "a number with ' kg' behind it"),
    ],
)
def test_categories_that_may_be_meant_as_numbers_are_named(tmp_path, values, said):
    dataset = load(
        csv(plain(c=[values[i // 2 % len(values)] for i in range(60)]), tmp_path), tmp_path, features=("x1", "c")
    )
    assert said in notes(dataset)["column c"]


def test_dates_of_parquet_are_numbers(tmp_path):
    plain(day=pd.date_range("2024-01-01", periods=60), took=pd.to_timedelta(range(60), unit="h")).to_parquet(
        tmp_path / "t.parquet"
    )
    dataset = load(tmp_path / "t.parquet", tmp_path)
    assert dataset.info.shape == (4,)
    assert sorted(dataset.samples["col:day"])[:2] == [19723, 19724]


def test_which_columns_became_features_is_said(tmp_path):
    dataset = load(csv(plain(job=["cook", "nurse", "judge"] * 20), tmp_path), tmp_path)
    assert {one["where"]: one["what"] for one in dataset.info.problems}[
        "features"
    ] == "2 as numbers: x1, x2; 1 as categories: job"


def test_lumped_categories_are_a_note(tmp_path):
    dataset = load(csv(plain(400, c=[f"u{i}" for i in range(400)]), tmp_path), tmp_path)
    assert "only the 32 most frequent are told apart" in notes(dataset)["column c"]
    assert notes(dataset, "left out") == {}


def test_a_column_that_repeats_the_label_is_refused(tmp_path):
    for copy in ([0, 1] * 30, ["NO", "Yes "] * 30, ["b", "a"] * 30):
        with pytest.raises(UserError, match=r"Column again of t\.csv repeats the label.*The others: x1, x2"):
            load(csv(plain(again=copy), tmp_path), tmp_path)


def test_a_label_in_several_spellings_is_the_label_all_the_same(tmp_path):
    with pytest.raises(UserError, match=r"Column again .* repeats the label"):
        load(csv(plain(again=["NO", "Yes", "no", "yes", " No", "YES"] * 10), tmp_path, quoting=1), tmp_path)


def test_texts_that_are_the_label_are_refused(tmp_path):
    frame = pd.DataFrame({"body": ["It is A", "it is  b"] * 10, "label": ["a", "b"] * 10})
    with pytest.raises(UserError, match=r"texts of t\.csv repeat the label"):
        load(csv(frame, tmp_path), tmp_path, text="body")
    with pytest.raises(UserError, match="label"):
        load(csv(frame, tmp_path), tmp_path, text="label")


def test_notes_about_many_columns_are_one_line(tmp_path):
    wide = plain(**{f"c{i}": 5 for i in range(20)}, **{f"d{i}": [f"{j % 9},5" for j in range(60)] for i in range(20)})
    dataset = load(csv(wide, tmp_path), tmp_path)
    told = notes(dataset)
    assert told["columns c0, c1, c2, c3, c4, c5 and 14 more"].startswith("has one value in all training rows")
    assert told["columns d0, d1, d2, d3, d4, d5 and 14 more"].endswith("(the first of 20)")
    assert len(told) == 2


def test_columns_that_carry_the_answer_are_said(tmp_path):
    y = np.arange(600) % 3
    noise = np.random.default_rng(1).normal(size=600)
    frame = plain(
        600,
        label=np.array(["a", "b", "c"])[y],
        amount=y + 0.01 * noise,
        is_b=(y == 1) * 1,
        code=[f"{k}{i % 5}" for i, k in enumerate(y)],
    )
    told = notes(load(csv(frame.assign(unlike=[f"v{i}" for i in range(600)]), tmp_path), tmp_path))
    assert "alone tells class" in told["column amount"]
    assert "class 'b'" in told["column is_b"]
    assert "alone tells" in told["column code"]
    assert "alone tells" not in told.get("column x2", "") + told["column unlike"]


def test_columns_that_count_or_name_the_rows(tmp_path):
    told = notes(load(csv(plain(number=range(7, 67)), tmp_path), tmp_path))
    assert "only counts the rows" in told["column number"]
    plain().set_index(pd.Index([f"gene{i}" for i in range(60)])).to_csv(tmp_path / "genes.csv")
    dataset = load(tmp_path / "genes.csv", tmp_path / "genes")
    assert inputs_of(dataset) == ["x1", "x2"]
    assert "only tells the rows apart" in notes(dataset, "left out")["column Unnamed: 0"]


def test_a_nul_in_a_label_is_no_class(tmp_path):
    labels = plain()["label"].tolist()
    labels[5] = "y\0es"
    dataset = load(csv(plain(label=labels), tmp_path), tmp_path)
    assert dataset.info.classes == ("no", "yes")
    assert "'y\\x00es' taken as 'yes'" in notes(dataset)["Row 6 of t.csv"]


def test_very_wide_tables_are_looked_through_too(tmp_path):
    rng, y = np.random.default_rng(0), np.arange(60) % 2
    values = rng.normal(size=(60, 2400))
    values[:, 2222] = y * 3 + rng.random(60)
    np.savez(tmp_path / "wide.npz", X=values, y=y)
    told = preview(DataConfig(path=str(tmp_path / "wide.npz")))["problems"]
    assert [one["where"] for one in told if "alone tells" in one["what"]] == ["column x2222"]
    values[:, 11] = 1 - y
    np.savez(tmp_path / "wide.npz", X=values, y=y)
    with pytest.raises(UserError, match=r"Column x11 of wide\.npz repeats the label"):
        preview(DataConfig(path=str(tmp_path / "wide.npz")))


def test_columns_called_like_a_target_or_a_weight_are_said(tmp_path):
    told = notes(load(csv(plain(sample_weight=RNG.random(60), target2=RNG.integers(0, 9, 60)), tmp_path), tmp_path))
    assert "a weight" in told["column sample_weight"]
    assert "another target" in told["column target2"]


def test_a_column_of_picture_files_makes_them_the_inputs_unless_features_are_named(tmp_path):
    (tmp_path / "img").mkdir()
    for i in range(59):
        Image.new("L", (4, 4), i).save(tmp_path / "img" / f"{i}.png")
    path = csv(plain(image=[f"img/{i}.png" for i in range(60)]), tmp_path)
    dataset = load(path, tmp_path / "pictures")
    assert (dataset.info.modality, len(dataset), dataset.info.seen) == ("image", 59, 60)
    assert "does not lie beside the table" in str(dataset.info.problems)
    assert dataset.own_names == ("x1", "x2")
    assert dataset.inputs[dataset.row_of("img/7.png")].max() == 7
    assert inputs_of(load(path, tmp_path, features=("x1", "x2"))) == ["x1", "x2"]
    away = load(csv(plain(image=[f"away/{i % 3}.png" for i in range(60)]), tmp_path), tmp_path / "away")
    assert "do not lie beside the table" in notes(away)["column image"]


# --- scaling


def test_a_large_constant_is_zero_and_said(tmp_path):
    dataset = load(csv(plain(batch=20240131120001), tmp_path), tmp_path)
    assert (np.asarray(dataset.inputs)[:, 2] == 0).all()
    assert "one value in all training rows" in notes(dataset)["column batch"]


@pytest.mark.parametrize("offset", [20240131120001, 2**62, -(2**62), 1e15, 1e9 + 0.5])
def test_scaling_is_exact_for_large_means(tmp_path, offset):
    steps = np.arange(60) % 7
    small = load(csv(plain(c=steps), tmp_path), tmp_path / "small", features=("c",))
    large = load(csv(plain(c=steps + offset), tmp_path), tmp_path / "large", features=("c",))
    np.testing.assert_allclose(np.asarray(large.inputs), np.asarray(small.inputs), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-300, 1e-20, 1e20, 1e200])
def test_scaling_is_exact_at_every_size(tmp_path, scale):
    values = RNG.normal(size=60)
    dataset = load(
        csv(plain(c=values * scale, split="train"), tmp_path),
        tmp_path,
        features=("c",),
        val_fraction=0,
        test_fraction=0,
    )
    np.testing.assert_allclose(
        np.asarray(dataset.inputs)[:, 0], (values - values.mean()) / values.std(), rtol=1e-5, atol=1e-6
    )


def test_values_that_differ_by_rounding_alone_are_constant(tmp_path):
    dataset = load(csv(plain(c=[0.1 + 0.2, 0.1 + 0.2, 0.3] * 20), tmp_path), tmp_path, features=("x1", "c"))
    assert (np.asarray(dataset.inputs)[:, 1] == 0).all()


def test_values_beyond_what_a_model_can_take_name_the_column(tmp_path):
    with pytest.raises(UserError, match=r"Column big has values from -1\.7e\+308 to 1\.79e\+308"):
        load(csv(plain(big=[1.79e308 if i % 3 else -1.7e308 for i in range(60)]), tmp_path), tmp_path)
    split = ["train"] * 50 + ["test"] * 10
    with pytest.raises(
        UserError, match=r"Column far has 1e\+30 in row 60, .* standard deviations from the training mean"
    ):
        load(csv(plain(far=[*RNG.normal(size=59), 1e30], split=split), tmp_path), tmp_path)
    near = load(csv(plain(far=[*RNG.normal(size=59), 1e4], split=split), tmp_path), tmp_path / "near")
    assert re.search(r"row 60 has 10000\.0, [\d,]+ standard deviations", notes(near)["column far"])
    told = notes(load(csv(plain(far=[1e30, *RNG.normal(size=59)], split=split), tmp_path), tmp_path))
    assert "row 1 has 1e+30, so far out" in told["column far"]


# --- sizes


def test_sizes_are_known_before_a_file_is_read(tmp_path, monkeypatch):
    rows = 3_000_000
    table = pyarrow.table(
        {
            "x": pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(rows, np.int8)), pyarrow.array([1])),
            "label": pyarrow.array(np.zeros(rows, np.int8)),
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 100_000
    monkeypatch.setattr(pyarrow.parquet.ParquetFile, "read", lambda *_: pytest.fail("was read"))
    with pytest.raises(UserError, match=r"bomb\.parquet would take about 0\.65 GB .*3,000,000 rows.*--max-gigabytes"):
        load(tmp_path / "bomb.parquet", tmp_path, max_gigabytes=0.5)
    monkeypatch.setattr(pd, "read_csv", lambda *_, **__: pytest.fail("was read"))
    with pytest.raises(UserError, match=r"t\.csv would take about"):
        load(csv(plain(10_000), tmp_path), tmp_path, max_gigabytes=0.001)
    with pytest.raises(UserError, match=r"t\.jsonl would take about"):
        load(written(lines(plain(10_000)), tmp_path, "t.jsonl"), tmp_path, max_gigabytes=0.001)


def test_the_inputs_of_many_categories_count_too(tmp_path):
    words = {f"w{i}": [f"v{j % 30}" for j in range(3000)] for i in range(40)}
    path = csv(plain(3000, **words), tmp_path)
    with pytest.raises(UserError, match=r"t\.csv would take about"):
        load(path, tmp_path, max_gigabytes=0.01)
    assert load(path, tmp_path, max_gigabytes=0.1).info.shape == (2 + 40 * 30,)


def test_line_ends_of_every_kind(tmp_path):
    for name, end in (("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")):
        text = plain(label=["a\u2028b", "c"] * 30).to_csv(index=False, lineterminator=end)
        dataset = import_data(DataConfig(path=str(written(text, tmp_path, f"{name}.csv"))), tmp_path / name, "t")
        assert (len(dataset), dataset.info.classes) == (60, ("a b", "c"))


@pytest.mark.parametrize("path", ["a\0b", "x" * 5000, "~nobody-of-this-name/x.csv"])
def test_paths_that_cannot_be(path):
    with pytest.raises(UserError, match=r"cannot be a path|does not exist|NUL"):
        preview(DataConfig(path=path))


def test_a_loop_of_links_and_a_pipe(tmp_path):
    import os

    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("loop.csv", "pipe.csv"):
        with pytest.raises(
            UserError, match=r"loop\.csv does not exist|cannot be a path|pipe\.csv is neither a file nor a folder"
        ):
            preview(DataConfig(path=str(tmp_path / name)))
