"""The stated rule on figures where the right answer is known."""

import numpy as np

from attribution.studies.bench.recommend import (
    choose,
    explain_sentences,
    fragile_sentences,
    mislabel_sentences,
    precision_draws,
)


def drawn(value, spread=0.02, seed=0):
    return value + spread * np.random.default_rng(seed).normal(size=500)


def test_the_cheapest_of_the_equals_is_recommended_and_the_useless_are_named():
    values = {"slow": 0.50, "quick": 0.48, "weak": 0.20, "none": 0.02, "random": 0.0}
    draws = {name: drawn(value, seed=index) for index, (name, value) in enumerate(values.items())}
    choice = choose(values, draws, {"slow": 100.0, "quick": 1.0, "weak": 0.1, "none": 0.1})
    assert (choice.pick, choice.best) == ("quick", "slow")
    assert set(choice.equals) == {"slow", "quick"}
    assert choice.useless == ("none",)
    first, second = explain_sentences(choice)
    assert first.startswith("To explain one prediction, use quick: LDS 0.48 ± 0.04")
    assert "slow" in first
    assert second == "none (LDS 0.02 ± 0.04) is not measurably better than random here."


def test_pairing_tells_a_small_steady_difference():
    shared = drawn(0.0, 0.2)
    values = {"a": 0.50, "b": 0.45, "random": 0.0}
    draws = {"a": 0.50 + shared, "b": 0.45 + shared, "random": drawn(0.0, 0.01, 1)}
    assert choose(values, draws, {"a": 9.0, "b": 1.0}).pick == "a"


def test_nothing_is_recommended_when_nothing_beats_the_control():
    values = {"a": 0.01, "random": 0.0}
    choice = choose(values, {name: drawn(value, seed=len(name)) for name, value in values.items()}, {})
    assert choice.pick == ""
    assert "better than chance" in explain_sentences(choice)[0]
    assert "Nothing finds" in mislabel_sentences(choice, 0.1, {})[0]


def test_wrong_labels_by_average_precision():
    truth = np.arange(200) < 20
    columns = {"good": -np.arange(200.0), "random": np.random.default_rng(0).normal(size=200)}
    choice = choose({"good": 1.0, "random": 0.1}, precision_draws(columns, truth, 100), {"good": 1.0})
    (text,) = mislabel_sentences(choice, 0.1, {"good": 1.0})
    assert text.startswith(
        "For wrong labels on this data, use good: average precision 1.00 ± 0.00, 100 % of the first 10 %"
    )


def test_a_ranking_that_another_seed_turns_over_is_warned_of():
    assert fragile_sentences(["a"], {"a": 0.2})[0].startswith("a gives another ranking")
    assert fragile_sentences(["a", ""], {"a": 0.9}) == []
