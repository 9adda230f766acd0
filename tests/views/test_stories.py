"""What happened to a sample and where influence pulls, in words, checked against what the loss's gradient does."""

import numpy as np
import pandas as pd
import pytest
import torch

from attribution.tasks import tasks
from attribution.tasks.classification import Classification
from attribution.views.faces import ClassFace, NumberFace, SetFace

SPACE = "\N{NO-BREAK SPACE}"


@pytest.fixture
def classes():
    return ClassFace(Classification(("coat", "shirt", "bag")), np.array([0, 1, 2, -1]))


@pytest.fixture
def sets():
    return SetFace(tasks.get("multilabel").of(("cat", "dog"), {"name": "multilabel"}), np.array([0, 1, 2, 3]))


@pytest.fixture
def numbers():
    task = tasks.get("regression").of((), {"name": "regression", "unit": "mm", "mean": 5.0, "std": 2.0})
    return NumberFace(task, np.append(np.linspace(0.0, 10.0, 101), np.nan))


def seen(label, prediction, confidence=np.nan, p_label=np.nan):
    line = {"label": label, "prediction": prediction, "confidence": confidence, "p_label": p_label}
    return {**line, "error": prediction - label}


def test_a_wrong_prediction_is_named_on_both_sides(classes):
    towards, away = classes.pulls(seen(0, 1, 0.9, 0.05))
    assert towards.title == "Pull towards coat (its label)"
    assert away.title == "Pull towards shirt (what the model says)"
    assert towards.words == "Training on one of these gives more to coat."
    assert f"takes from coat and gives to shirt, 94.7{SPACE}% of it" in away.words


def test_an_unsure_prediction_is_not_named_as_where_the_other_side_pulls(classes):
    away = classes.pulls(seen(0, 1, 0.4, 0.15))[1]
    assert away.title == "Pull away from coat (its label)"
    assert "shirt" not in away.words


def test_a_right_prediction_has_its_label_on_both_sides(classes):
    towards, away = classes.pulls(seen(0, 0, 0.9, 0.9))
    assert towards.title == "Pull towards coat (its label, and what the model says)"
    assert away.title == "Pull away from coat"


def test_the_share_is_that_of_the_pull_of_the_loss_on_the_logits(classes):
    """Raising the loss a little moves every other logit up by its share of what the label's loses."""
    logits = torch.tensor([[0.3, 1.2, -0.4]], dtype=torch.float64)
    slope = classes.task.residual(logits, torch.tensor([0]))[0]
    p = logits.softmax(1)[0]
    expected = float(slope[1] / -slope[0])
    assert classes.share(seen(0, 1, float(p[1]), float(p[0]))) == pytest.approx(expected)
    assert slope[0] < 0 < slope[1]  # up the loss: away from the label, towards the prediction


def test_a_contrast_has_its_two_answers_as_sides(classes):
    kept = np.array([0.05, 0.9, 0.05])
    wrong = seen(0, 1, 0.9, 0.05)
    assert classes.rival(wrong, kept) == "shirt"
    towards, away = classes.pulls(wrong, "shirt")
    assert (towards.title, away.title) == ("Pull towards coat (its label)", "Pull towards shirt (what the model says)")
    assert away.words.endswith("tips the balance between the two towards shirt.")
    right = seen(1, 1, 0.9, 0.9)
    assert classes.rival(right, np.array([0.02, 0.9, 0.08])) == "bag"
    assert classes.pulls(right, "bag")[1].title == "Pull towards bag (what the model would say next)"


def test_what_stands_against_a_label_is_what_the_engine_takes(classes, sets):
    """The words name the answer that ``Task.against`` weighs up."""
    chance = np.random.default_rng(0)
    for logits in chance.normal(size=(20, 3)):
        p = np.exp(logits) / np.exp(logits).sum()
        for label in range(3):
            direction = classes.task.against(torch.tensor(logits[None]), torch.tensor([label]))[0].numpy()
            named = classes.rival(seen(label, int(p.argmax()), p.max(), p[label]), p)
            assert named == classes.word(int(direction.argmax()))
    for logits in chance.normal(size=(20, 2)):
        said = int((logits > 0) @ np.array([1, 2]))
        for label in range(4):
            bits = torch.tensor([[label & 1, label >> 1]], dtype=torch.float64)
            direction = sets.task.against(torch.tensor(logits[None]), bits)[0].numpy()
            other = label ^ int((direction != 0) @ np.array([1, 2]))
            assert sets.rival(seen(label, said), logits) == sets.word(other)


def test_sentences_of_samples_nobody_labelled(classes, numbers, sets):
    assert "it has no label, so nobody knows" in classes.query_sentence(seen(-1, 1, 0.9))
    assert "it has no value, so nobody knows" in numbers.query_sentence(seen(np.nan, 3.0))
    assert sets.query_sentence(seen(1, 3, 0.8, 0.1)).startswith(
        f"The model says cat; dog, 80.0{SPACE}% sure; the labels are"
    )


def test_a_number_is_pulled_up_or_down(numbers):
    towards, away = numbers.pulls(seen(17.9, 14.2))
    assert towards.title == f"Pull up, towards 17.9{SPACE}mm (its value)"
    assert away.title == f"Pull down, away from 17.9{SPACE}mm"
    assert numbers.pulls(seen(3.0, 5.0))[0].title.startswith("Pull down, towards 3")
    assert numbers.pulls(seen(3.0, 3.0))[0].title.startswith("Pull towards 3")
    assert numbers.rival(seen(3.0, 5.0), np.array([0.1])) == ""


def test_the_way_up_or_down_is_that_of_the_gradient(numbers):
    """Down the loss is up for what is predicted too low."""
    task = numbers.task
    slope = task.residual(torch.tensor([[-1.0]]), torch.tensor([0.5]))
    assert float(slope) < 0
    assert numbers.pulls(seen(6.0, 3.0))[0].title.startswith("Pull up")


def test_groups(classes, numbers):
    said = pd.DataFrame({"label": [0, 1, -1], "correct": [True, False, False]})
    assert classes.group_sentence(said) == "Of these 2 samples (1 more have no label) the model is right about 1."
    assert classes.group_pulls()[0].title == "Pull towards their labels"
    assert "off by 2.00" in numbers.group_sentence(pd.DataFrame({"error": [1.0, -3.0, np.nan]}))
    assert numbers.group_pulls()[1].title == "Pull away from their values"


def test_a_label_is_doubted_where_the_model_and_every_neighbourhood_agree_against_it(classes, numbers):
    wrong = seen(0, 1, 0.9, 0.05)
    agree, split = np.array([1] * 8 + [0, 2]), np.array([1] * 5 + [0] * 5)
    words = classes.doubt(wrong, {"what the model sees": agree, "content alone": agree})
    assert words.startswith("Of the 10 training samples nearest by what the model sees 8 are shirt and 1 is coat; of")
    assert not classes.doubt(wrong, {"what the model sees": agree, "content alone": split})
    assert not classes.doubt(seen(0, 0, 0.9, 0.9), {"what the model sees": agree})
    assert not classes.doubt(seen(-1, 1, 0.9), {"what the model sees": agree})
    assert not classes.doubt(wrong, {"what the model sees": np.array([])})
    near = {"what the model sees": np.array([2.0, 4.0, np.nan])}
    assert f"values from 2{SPACE}mm to 4{SPACE}mm" in numbers.doubt(seen(9.0, 3.0), near)
    assert not numbers.doubt(seen(3.5, 3.0), near)
