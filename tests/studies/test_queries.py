"""Queries as users and pages write them: splits, ids with commas and quotes, and what is not there."""

from dataclasses import fields

import hypothesis
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from attribution.cli.flags import _take
from attribution.datasets.dataset import Dataset, DatasetInfo
from attribution.errors import UserError
from attribution.settings.configs import DataConfig, ModelConfig
from attribution.settings.flag_names import flag_name
from attribution.settings.lists import entries, written
from attribution.studies.queries import asked, query_of, query_rows

IDS = [
    "a,5",
    "a",
    "5",
    'the "best", one',
    "test",
    "selection:x",
    "plain",
    " padded ",
    "two\nlines",
    "x;y",
    '"',
    "wrong",
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    n = len(IDS)
    samples = pd.DataFrame(
        {"id": IDS, "split": ["train"] * (n - 2) + ["test"] * 2, "label": [0, 1] * (n // 2), "source": IDS, "hash": IDS}
    )
    info = DatasetInfo("odd", "tabular", ("a", "b"), (1,), {}, "")
    return Dataset.write(tmp_path_factory.mktemp("odd") / "data", info, samples, np.zeros((n, 1), np.float32))


def rows(queries, dataset, correct=True):
    return query_rows(queries, dataset, lambda: pd.DataFrame({"correct": [correct] * len(dataset)})).tolist()


@pytest.mark.parametrize("row", range(len(IDS)))
def test_a_page_asks_about_the_sample_it_shows_whatever_its_id(dataset, row):
    assert rows(query_of([IDS[row]]), dataset) == [row]


def test_ids_with_commas_are_taken_whole_or_in_quotes(dataset):
    assert rows("a,5", dataset) == [0]
    assert rows("a, 5", dataset) == [1, 2]
    assert rows('"a,5",plain', dataset) == [0, 6]
    assert rows('"the ""best"", one", 5', dataset) == [3, 2]
    assert rows(query_of(["a,5", "a"]), dataset) == [0, 1]
    assert rows("test", dataset) == [10, 11]
    assert rows('"test"', dataset) == [4]


def test_what_is_not_there_is_named_with_the_way_to_write_it(dataset):
    with pytest.raises(UserError, match=r"No sample is called b, 6.*--queries '\"b,6\"'"):
        rows("b,6", dataset)
    with pytest.raises(UserError, match=r"No sample is called b\."):
        rows("b", dataset)
    with pytest.raises(UserError, match="cannot be taken apart"):
        rows('"a', dataset)
    for nothing in ("", " , "):
        with pytest.raises(UserError, match="No sample is named"):
            rows(nothing, dataset)


def test_splits_that_are_not_there_and_predictions_that_are_all_right(dataset):
    assert rows("wrong", dataset, correct=False) == [10, 11]
    with pytest.raises(UserError, match="All 2 test predictions are right"):
        rows("wrong", dataset)
    with pytest.raises(UserError, match=r"odd has no validation split.*--val-fraction 0.1"):
        rows("val", dataset)


@hypothesis.given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip).filter(bool), min_size=1
    )
)
def test_what_is_written_is_read(names):
    assert entries(written(names)) == names


def given(config, **flags):
    """The values of all flags of a config, as typed: its defaults and ``flags``."""
    defaults = {flag_name(item.name, config): item.default for item in fields(config)}
    return {
        **{name: written(map(str, value)) if isinstance(value, tuple) else value for name, value in defaults.items()},
        **flags,
    }


def test_lists_of_flags_may_hold_commas():
    assert _take(given(DataConfig, features='age,"income, yearly"'), DataConfig)["features"] == (
        "age",
        "income, yearly",
    )
    assert _take(given(ModelConfig, checkpoints='"a,1.pt",b.pt'), ModelConfig)["checkpoints"] == ("a,1.pt", "b.pt")


def test_titles_of_jobs_count_what_is_asked():
    assert [asked(one) for one in ("wrong", '"a,5"', "a,b", "selection:x", '"')] == [
        "the wrong test predictions",
        "1 sample",
        "2 samples",
        "the selection",
        "1 sample",
    ]
