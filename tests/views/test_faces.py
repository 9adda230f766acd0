"""Words, figures and colours of targets: classes, numbers in the user's unit, sets of labels."""

import numpy as np
import pandas as pd
import pytest

from attribution.tasks import tasks
from attribution.tasks.classification import Classification
from attribution.views import colours
from attribution.views.faces import ClassFace, NumberFace, SetFace, face_of

SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def classes():
    return ClassFace(Classification(("coat", "shirt")), np.array([0, 1, -1]))


@pytest.fixture
def numbers():
    values = np.append(np.linspace(0.0, 10.0, 101), np.nan)
    return NumberFace(
        tasks.get("regression").of((), {"name": "regression", "unit": "mm", "mean": 5.0, "std": 2.0}), values
    )


@pytest.fixture
def sets():
    return SetFace(tasks.get("multilabel").of(("cat", "dog"), {"name": "multilabel"}), np.array([0, 1, 2, 3]))


def seen(label, prediction, **values):
    return {"label": label, "prediction": prediction, "confidence": np.nan, "error": prediction - label, **values}


def test_a_class_is_said_by_name_and_how_sure(classes):
    right = seen(0, 0, confidence=0.9, p_label=0.9)
    assert classes.query_sentence(right).startswith("The model is right: coat, 90.0")
    assert classes.says(right) == ("coat", "model agrees", 0.9)
    wrong = seen(0, 1, confidence=0.9, p_label=0.05)
    assert "the label is coat, which it gives 5.00" in classes.query_sentence(wrong)
    assert classes.says(wrong)[1] == "model says shirt"
    assert classes.word(-1) == "no label"
    assert classes.colour(0) == colours.class_colour(0)


def test_a_number_is_said_with_its_unit_and_how_far_off(numbers):
    assert numbers.word(3.25) == f"3.25{SPACE}mm"
    assert numbers.word(np.nan) == "no value"
    assert numbers.says(seen(3.0, 5.5)) == (f"5.50{SPACE}mm", f"model says 5.50{SPACE}mm (+2.50{SPACE}mm)", None)
    assert numbers.query_sentence(seen(3.0, 1.0)).endswith(f"That is 2.00{SPACE}mm too little.")
    title, beneath = numbers.question(3.0, {"suggested": 7.0, "suggested_low": 6.0, "suggested_high": 8.0}, "The model")
    assert title == f"Given as 3{SPACE}mm. Could it be 7.00{SPACE}mm?"
    assert f"between 6.00{SPACE}mm and 8.00{SPACE}mm" in beneath


def test_colours_of_numbers_run_from_small_to_large(numbers):
    shown = [numbers.colour(value) for value in (-50.0, 5.0, 50.0)]
    assert (shown[0], shown[2]) == (colours.VALUES[0], colours.VALUES[-1])
    assert shown[1] not in colours.VALUES[:1] + colours.VALUES[-1:]
    assert numbers.colour(np.nan) == colours.NO_CLASS
    groups = numbers.groups(numbers.values, np.arange(102))
    assert sum(len(group.rows) for group in groups) == 102
    assert groups[0].name == "not known"


def test_figures_of_numbers_have_the_unit_and_an_interval(numbers):
    rng = np.random.default_rng(0)
    label = rng.normal(size=400)
    said = pd.DataFrame({"label": label, "prediction": label + rng.normal(scale=2.0, size=400), "loss": 0.0})
    said["error"] = said["prediction"] - said["label"]
    rmse, mae = numbers.figures(said)
    assert (rmse["label"], mae["label"]) == ("Test RMSE", "Test mean absolute error")
    assert rmse["value"].endswith(f"{SPACE}mm")
    low, high = (float(part) for part in rmse["delta"].removesuffix(f"{SPACE}mm").split(" to "))
    assert low < np.sqrt(np.square(said["error"]).mean()) < high
    assert high - low < 0.6
    table = numbers.by_target(label, np.arange(300), said.iloc[300:], np.array([1]), np.array([], int))
    assert table["training samples"].sum() == 300
    assert "test RMSE, mm" in table
    title, worst = numbers.mistakes(said, 2)
    assert title == "Largest errors"
    assert worst[0]["row"] == said["error"].abs().idxmax()


def test_queries_of_numbers_are_the_largest_errors(numbers):
    said = pd.DataFrame({"error": [0.0, -5.0, 3.0, np.nan, *[0.1] * 16]})
    assert list(numbers.queries(said, True, None, (0.0, 1.0))) == [1, 2]
    assert len(numbers.queries(said, False, None, (0.0, 1.0))) == 20


def test_a_set_is_said_by_its_labels(sets):
    assert [sets.word(value) for value in (0, 1, 3, -1)] == ["(none)", "cat", "cat; dog", "no labels"]
    assert sets.colour(2) == colours.class_colour(1)
    groups = sets.groups(np.array([1, 1, 2, 3]), np.arange(4))
    assert [group.name for group in groups] == ["cat", "dog", "cat; dog"]
    assert sets.choices() == ("cat", "dog")
    said = pd.DataFrame({"label": [1, 3], "prediction": [1, 1], "loss": [0.1, 2.0], "labels_right": [1.0, 0.5]})
    said["correct"] = [True, False]
    labels, whole = sets.figures(said)
    assert (labels["label"], labels["value"]) == ("Test share of labels right", f"75.0{SPACE}%")
    assert whole["value"] == f"50.0{SPACE}%"


def test_no_word_of_numbers_is_about_classes(numbers):
    said = pd.DataFrame({"label": [1.0], "prediction": [2.0], "error": [1.0], "loss": [0.5]})
    words = [numbers.summary(), numbers.chance(), numbers.mistakes(said, 1), numbers.data_map, numbers.one_by_one]
    words += [numbers.decided(verdict, 1.0) for verdict in ("keep", "drop", "relabel")]
    words += [numbers.loss_help, numbers.score_all, numbers.suggested_help, numbers.figures(said)]
    assert not [word for word in ("class", "accura", "confiden") if word in str(words).lower()]


def test_the_typical_target_is_said_where_there_is_one(tiny_project):
    face = face_of(tiny_project.dataset)
    names = [face.word(place) for place in range(3)]
    assert face.typical(np.array([0] * 6 + [1] * 4)) == names[0]
    assert face.typical(np.array([0] * 4 + [1] * 4 + [2] * 2)) == f"{names[0]} / {names[1]}"
    assert face.typical(np.array([0, 1, 2, 3, 4])) == ""
    assert face.typical(np.array([-1, -1, 0])) == ""
