"""New project asks what is predicted, and shows numbers and sets of labels back as such."""

import numpy as np
import pandas as pd

from attribution.datasets.load import preview
from attribution.settings.configs import DataConfig
from attribution.views import importing


def found(tmp_path, values, **settings):
    frame = pd.DataFrame({"a": np.arange(len(values)) % 7, "y": values})
    frame.to_csv(tmp_path / "t.csv", index=False)
    return preview(DataConfig(path=str(tmp_path / "t.csv"), label="y", **settings))


def test_what_is_shown_back_of_numbers_and_of_labels(tmp_path):
    numbers = found(tmp_path, np.arange(100) * 1.5, task="regression", unit="mm")
    assert importing.summary_line(numbers) == "100 rows with 1 model input, with a number in mm"
    table = importing.balance_table(numbers).set_index("value")
    assert table.loc["median", "training"] == numbers["target"]["quartiles"]["train"][2]
    assert table.loc["largest"].drop("index", errors="ignore").max() == 148.5
    labels = found(tmp_path, ["cat;dog", "dog", "(none)", "fox;cat"] * 10, task="multilabel")
    assert importing.summary_line(labels).endswith("with any of 3 labels")
    assert importing.balance_table(labels).set_index("label")["training"].to_dict() == {
        name: labels["balance"]["train"][name] for name in ("cat", "dog", "fox")
    }


def test_a_number_is_chosen_on_the_page_and_its_recipe_is_that_of_numbers(app, tmp_path):
    frame = pd.DataFrame({"a": np.arange(100) % 7, "price": np.arange(100) * 1.5})
    frame.to_csv(tmp_path / "t.csv", index=False)
    test = app("new_project")
    test.text_input(key="path").set_value(str(tmp_path / "t.csv")).run()
    test.selectbox(key=f"label-{tmp_path / 't.csv'}").set_value("price").run()
    assert any("look like a quantity" in one.value for one in test.error) or "quantity" in str(test)
    test.selectbox(key="task").set_value("regression").run()
    assert not test.exception
    assert test.number_input(key="recipe-tabular-number-lr").value == 0.02
    test.text_input(key="unit").set_value("EUR").run()
    assert any("with a number in EUR" in one.value for one in test.markdown)
