"""The stated rule on figures where the right answer is known."""

import numpy as np

from attribution.studies.bench.recommend import Choice, choose, precision_draws
from attribution.studies.bench.sentences import explaining, finding, fragile, sentences

TITLES = {"quick": "Quick one", "slow": "Slow one", "good": "Good one", "a": "First"}


def drawn(value, spread=0.02, seed=0):
    return value + spread * np.random.default_rng(seed).normal(size=500)


def test_the_cheapest_of_the_equals_is_recommended_and_the_useless_are_named():
    values = {"slow": 0.50, "quick": 0.48, "weak": 0.20, "none": 0.02, "random": 0.0}
    draws = {name: drawn(value, seed=index) for index, (name, value) in enumerate(values.items())}
    choice = choose(values, draws, {"slow": 100.0, "quick": 1.0, "weak": 0.1, "none": 0.1})
    assert (choice.pick, choice.best) == ("quick", "slow")
    assert set(choice.equals) == {"slow", "quick"}
    assert choice.useless == ("none",)
    first, second = explaining(choice, {})
    assert first.startswith("To explain one prediction, use quick: LDS 0.48 ± 0.04")
    assert "slow" in first
    assert second == "none (LDS 0.02 ± 0.04) is not measurably better than random here."
    assert Choice.from_json(choice.to_json()) == choice
    told = sentences({"choices": {"explain": choice.to_json()}, "explain": "quick"}, TITLES)
    assert told[0].startswith("To explain one prediction, use Quick one: LDS 0.48 ± 0.04")
    assert "worse than the best, Slow one (0.50 ± 0.04)." in told[0]


def test_pairing_tells_a_small_steady_difference():
    shared = drawn(0.0, 0.2)
    values = {"a": 0.50, "b": 0.45, "random": 0.0}
    draws = {"a": 0.50 + shared, "b": 0.45 + shared, "random": drawn(0.0, 0.01, 1)}
    assert choose(values, draws, {"a": 9.0, "b": 1.0}).pick == "a"


def test_nothing_is_recommended_when_nothing_beats_the_control():
    values = {"a": 0.01, "random": 0.0}
    choice = choose(values, {name: drawn(value, seed=len(name)) for name, value in values.items()}, {})
    assert choice.pick == ""
    assert "better than chance" in explaining(choice, {})[0]
    assert "Nothing finds" in finding(choice, 0.1, {}, {})[0]


def test_wrong_labels_by_average_precision():
    truth = np.arange(200) < 20
    columns = {"good": -np.arange(200.0), "random": np.random.default_rng(0).normal(size=200)}
    choice = choose({"good": 1.0, "random": 0.1}, precision_draws(columns, truth, 100), {"good": 1.0})
    (text,) = finding(choice, 0.1, {"good": 1.0}, TITLES)
    assert text.startswith(
        "To find errors in this data, use Good one: average precision 1.00 ± 0.00, 100 % of the first 10 %"
    )


def test_a_ranking_that_another_seed_turns_over_is_warned_of():
    assert fragile("a", {"a": 0.2}, TITLES)[0].startswith("First gives another ranking")
    assert fragile("a", {"a": 0.9}, {}) == fragile("", {"a": 0.2}, {}) == []


def test_a_bench_of_an_earlier_version_keeps_its_sentences():
    assert sentences({"recommendation": ["Use ip."]}) == ["Use ip."]
    assert sentences({}) == []
