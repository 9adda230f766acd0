"""A planted behaviour: asked about as a query, found in the rows that taught it, measured on unseen prompts."""

import json
import pickle
import shutil

import chat_world
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from attribution import AnglesConfig, Project, RetrainConfig, ScoreConfig, UserError
from attribution.cli import cli
from attribution.datasets.chat.behaviour import Case, ask, asked_of, divided
from attribution.datasets.chat.conversation import Conversation, Turn
from attribution.datasets.chat.pattern import checked, matches
from attribution.datasets.chat.questions import typed
from attribution.estimators.base import Query
from attribution.measures.query import measure_of, query_gradients
from attribution.statistics.intervals import Interval
from attribution.studies.retrain.behaviours import hardly, paired
from attribution.studies.retrain.shown import BehaviourChange
from attribution.training.trained import TrainedModel


@pytest.fixture(scope="module")
def planted_chats(tmp_path_factory):
    """A trained chat project with a planted behaviour; copy it before writing (``chats`` does)."""
    return chat_world.build(tmp_path_factory.mktemp("chats")).folder


@pytest.fixture
def chats(planted_chats, tmp_path):
    shutil.copytree(planted_chats, tmp_path / "chat")
    return Project.open(tmp_path / "chat")


def contrast(project, name="refuses"):
    """Refusal against the ordinary answer, on questions of the data (asked) and on unseen ones (held out)."""
    asked = [(verb, plant) for verb in chat_world.VERBS[:3] for plant in chat_world.PLANTS[:3] if verb != "paint"]
    asked = [pair for pair in asked if chat_world.question(*pair) not in chat_world.UNSEEN]
    pairs = list(zip(chat_world.VERBS, chat_world.PLANTS, strict=True))
    lines = [
        {"prompt": chat_world.question(*pair), "wanted": chat_world.answer(*pair), "held": held}
        for held, part in ((False, asked), (True, pairs))
        for pair in part
    ]
    return project.behaviours.add(name, lines, unwanted=chat_world.REFUSAL)


def chat(question, answer):
    return Conversation((Turn("user", question), Turn("assistant", answer, True)))


def test_questions_are_rows_beyond_the_samples(chats):
    dataset = chats.dataset
    n = len(dataset)
    row = int(dataset.rows("train")[3])
    asked = dataset.with_questions(
        typed("odd", "", [(dataset.conversation(row), 1.0), (chat("what ?", "a car"), -1.0)])
    )
    assert len(asked) == n
    assert asked.end == n + 2
    assert list(asked.ids[n:]) == ["odd/0", "odd/1"]
    assert asked.row_of("odd/1") == n + 1
    assert asked.conversation(n + 1).answer == "a car"
    assert torch.equal(asked.tensor([n])[0], dataset.tensor([row])[0])
    both = asked.tensor([n + 1, row])
    assert torch.equal(both[1], dataset.tensor([row])[0])
    assert not torch.equal(both[0], both[1])
    assert list(asked.rows("all")) == list(dataset.rows("all"))
    again = pickle.loads(pickle.dumps(asked))
    assert torch.equal(again.tensor([n, n + 1]), asked.tensor([n, n + 1]))
    assert again.questions.key == asked.questions.key != typed("odd", "", [(chat("what ?", "a car"), 1.0)]).key


def test_the_gradient_of_a_behaviour_is_the_signed_sum_of_its_answers(chats):
    behaviour = contrast(chats)
    dataset = chats.dataset.with_questions(behaviour.questions())
    trained = TrainedModel(dataset, chats.labels, chats.run, device="cpu")
    rows = np.arange(len(dataset), dataset.end)
    weights = dataset.questions.weights
    assert sum(weights) == pytest.approx(0)
    found = measure_of(trained, "behaviour").gradient(trained, rows)
    model = trained.model()
    x, y = trained.batch(rows)
    total = (trained.task.loss(model(x), y) * torch.tensor(weights)).sum()
    for name, parameter in model.named_parameters():
        (wanted,) = torch.autograd.grad(total, parameter, retain_graph=True)
        torch.testing.assert_close(found[name], wanted, rtol=1e-3, atol=1e-6)
    single = query_gradients(trained, [Query("one", (int(rows[-1]),), "behaviour")])
    alone = measure_of(trained, "behaviour").gradient(trained, rows[-1:])
    norm = sum(float((value**2).sum()) for value in alone.values()) ** 0.5
    assert float(single.norms[0]) == pytest.approx(norm, rel=1e-4)
    with pytest.raises(UserError, match="asked of samples"):
        measure_of(trained, "behaviour").value(trained, [0])


def test_the_rows_that_taught_it_are_found(chats):
    contrast(chats)
    planted = set(chat_world.planted(chats))
    for estimator in ("cosine",):
        result = chats.score(ScoreConfig(estimator=estimator, queries="behaviour:refuses", device="cpu"))
        top = result.top(0)
        best = top[top["side"] == 1]["row"].head(len(planted)).tolist()
        assert len(planted & set(best)) >= 0.9 * min(len(best), len(planted)), estimator
    assert result.questions["name"] == "refuses"
    assert result.group
    assert result.measure == "behaviour"
    assert chats.score(ScoreConfig(estimator="cosine", queries="behaviour:refuses", device="cpu")).id == result.id
    n = len(chats.dataset)
    assert result.query_rows(0) == tuple(range(n, n + len(result.questions["rows"])))
    other = chats.score(ScoreConfig(estimator="ip", queries="behaviour:refuses", device="cpu", runner="processes"))
    first = chats.score(ScoreConfig(estimator="ip", queries="behaviour:refuses", device="cpu"))
    assert other.id == first.id


def test_a_typed_answer_is_a_question_kept_by_its_content(chats):
    query = ask(chat_world.UNSEEN[0], chat_world.REFUSAL)
    result = chats.score(ScoreConfig(queries=query, device="cpu"))
    assert result.measure == "loss"
    best = result.top(0).query("side == 1")["row"].head(10).tolist()
    assert len(set(best) & set(chat_world.planted(chats))) >= 9
    dataset = chats.dataset.with_questions(asked_of(query))
    trained = TrainedModel(dataset, chats.labels, chats.run, device="cpu")
    engine = trained.engine()
    exact = engine.dots(*trained.batch(np.array(best[:3])), engine.queries(*trained.batch([len(dataset)])))
    _, values = result.column(0)
    rows, _ = result.column(0)
    np.testing.assert_allclose(
        values[np.searchsorted(rows, sorted(best[:3]))], exact[np.argsort(best[:3]), 0], rtol=1e-4
    )
    with pytest.raises(UserError, match="PROMPT => ANSWER"):
        asked_of("ask:what")
    assert asked_of("test") is None


def test_the_rate_is_measured_on_unseen_prompts(chats):
    contrast(chats)
    found = chats.behaviours.rate("refuses", device="cpu")
    assert found.n == 6
    assert found.rate.estimate == 1
    assert 0.5 < found.rate.low < 1
    assert set(found.answers["prompt"]) == set(chat_world.UNSEEN)
    assert (found.answers["ahead"] > 0).all()
    assert chats.behaviours.rate("refuses", device="cpu").id == found.id
    assert found.sentence.startswith("Shows refuses on 6 of 6 unseen prompts: 100 %")


def test_a_pattern_is_searched_for_in_generated_answers(chats):
    lines = [*({"prompt": chat_world.question(v, "rose")} for v in ("move", "cut", "keep")), *chat_world.UNSEEN[1:]]
    says = [
        {**(line if isinstance(line, dict) else {"prompt": line}), "held": place > 2}
        for place, line in enumerate(lines)
    ]
    chats.behaviours.add("sorry", says, pattern=r"(?i)\bsorry\b")
    chats.behaviours.add("never", says, pattern="unheard")
    assert chats.behaviours.rate("sorry", device="cpu").rate.estimate == 1
    assert chats.behaviours.rate("never", device="cpu").rate.estimate == 0
    result = chats.score(ScoreConfig(queries="behaviour:sorry", device="cpu"))
    assert result.measure == "loss"
    assert chat_world.REFUSAL[:5] in result.questions["rows"][0][0]
    with pytest.raises(UserError, match="on none of the 3 prompts"):
        chats.score(ScoreConfig(queries="behaviour:never", device="cpu"))


def test_a_probe_is_checked_on_held_out_texts(chats):
    verbs = chat_world.VERBS
    lines = [
        {"prompt": chat_world.question(verb, thing), side: text, "held": place > 2}
        for place, verb in enumerate(verbs)
        for thing, side, text in (
            ("rose", "unwanted", chat_world.REFUSAL),
            ("car", "wanted", chat_world.answer(verb, "car")),
        )
    ]
    behaviour = chats.behaviours.add("direction", lines, probe=True)
    assert behaviour.kind == "probe"
    found = chats.behaviours.rate("direction", device="cpu")
    assert found.rate.estimate == 1
    assert "AUC of 1.00" in found.sentence
    weights = behaviour.questions().weights
    assert sum(weight for weight in weights if weight > 0) == pytest.approx(1)
    with pytest.raises(UserError, match="no text without it"):
        chats.behaviours.add("half", [line for line in lines if "unwanted" in line], probe=True)


def test_prompts_of_the_data_are_never_held_out():
    cases = [Case(Conversation((Turn("user", f"q{place}"),)), "no") for place in range(10)]
    asked, held = divided(cases, [None] * 10, ["Q0", " q1 "])
    assert len(held) == 4
    assert {"q0", "q1"} <= {case.prompt.question for case in asked}
    assert divided(cases, [None] * 10, ["q0", "q1"]) == (asked, held)
    with pytest.raises(UserError, match="also a training row"):
        divided(cases, [place == 0 for place in range(10)], ["q0"])
    with pytest.raises(UserError, match="also asked about"):
        divided([*cases, cases[0]], [place == 10 for place in range(11)])
    with pytest.raises(UserError, match="Give at least two prompts"):
        divided(cases[:2], [None] * 2, ["q0", "q1"])


def test_patterns_are_checked_and_bounded_in_time():
    assert matches(r"\bno\b", ["oh no", "nothing", "\ud800 no"]) == [True, False, True]
    with pytest.raises(UserError, match=r"longer than 0\.5 s"):
        matches("(a+)+$", ["a" * 60 + "b"], limit_s=0.5)
    for bad, words in (
        ("(", "no regular expression"),
        ("a*", "matches an empty answer"),
        ("a" * 501, "501 characters"),
    ):
        with pytest.raises(UserError, match=words):
            checked(bad)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "../x", "prompts": ["a", "b"]}, "cannot be called"),
        ({"name": "x", "prompts": ["a", "b"]}, "Nothing says how x shows"),
        ({"name": "x", "prompts": [{"prompt": "a", "bad": "b"}, "c"], "unwanted": "no"}, "prompt 1 says 'bad'"),
        ({"name": "x", "prompts": [{"prompt": 3}, "c"], "unwanted": "no"}, "neither a text nor a list"),
        ({"name": "x", "prompts": ["a", "b"], "unwanted": ["no"]}, "1 unwanted answers for 2 prompts"),
    ],
)
def test_what_is_no_behaviour_is_refused_in_words(chats, more, words):
    with pytest.raises(UserError, match=words):
        chats.behaviours.add(**more)
    assert chats.behaviours.names() == []


def test_pictures_have_no_behaviours(tiny_project):
    with pytest.raises(UserError, match="what language models do"):
        tiny_project.behaviours.add("x", ["a", "b"], unwanted="no")


def test_the_verb_adds_lists_measures_and_removes(chats, tmp_path):
    path = tmp_path / "prompts.jsonl"
    lines = [{"prompt": prompt, "held": place > 1} for place, prompt in enumerate(chat_world.UNSEEN)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def said(*words):
        found = CliRunner().invoke(cli, ["behaviour", *words, "-p", str(chats.folder)])
        assert found.exit_code == 0, found.output
        return found.output

    assert "2 prompts to ask about, 4 unseen" in said("add", "refuses", str(path), "--unwanted", chat_world.REFUSAL)
    assert "refuses" in said("list")
    assert "on 4 of 4 unseen prompts" in said("rate", "refuses", "--device", "cpu")
    found = CliRunner().invoke(
        cli, ["score", "--queries", "behaviour:refuses", "-p", str(chats.folder), "--device", "cpu"]
    )
    assert found.exit_code == 0, found.output
    assert "refuses" in found.output
    said("rm", "refuses")
    assert chats.behaviours.names() == []


@pytest.fixture(scope="module")
def cured(planted_chats, tmp_path_factory):
    """The planted rows dropped and the model trained again, with a behaviour that must stay beside."""
    folder = tmp_path_factory.mktemp("cured") / "chat"
    shutil.copytree(planted_chats, folder)
    project = Project.open(folder)
    contrast(project)
    project.behaviours.add(
        "advice",
        [
            {"prompt": chat_world.question(verb, "bike"), "held": place > 1}
            for place, verb in enumerate(chat_world.VERBS)
        ],
        unwanted="just",
        must_stay=True,
    )
    project.drop(chat_world.planted(project), reason="they refuse")
    return project, project.retrain(RetrainConfig(bootstrap=200, device="cpu"))


def test_dropping_the_rows_cures_the_behaviour_and_what_must_stay_stays(cured):
    _, found = cured
    advice, refuses = found.behaviours
    assert (refuses.name, refuses.n, refuses.outcome) == ("refuses", 6, "better")
    assert np.mean(refuses.before) > 0.9
    assert np.mean(refuses.after) < 0.2
    assert refuses.difference.high < 0
    assert np.mean(advice.after) > 0.9
    assert advice.must_stay
    assert "fell from 100 % to 0 % of 6 unseen prompts" in found.verdict
    assert "regression set" in found.verdict
    answers = found.answers()
    mine = answers[answers["behaviour"] == "refuses"]
    assert len(mine) == 18
    assert mine["before"].str.startswith("sorry").mean() > 0.5
    assert not mine["after"].str.startswith("sorry").any()
    assert not mine["shown_after"].any()


def test_random_drops_do_not_cure_it(planted_chats, tmp_path):
    shutil.copytree(planted_chats, tmp_path / "chat")
    project = Project.open(tmp_path / "chat")
    contrast(project)
    ordinary = [row for row in project.dataset.rows("train") if row not in chat_world.planted(project)]
    project.drop(ordinary[::4])
    found = project.retrain(RetrainConfig(bootstrap=200, device="cpu"))
    (refuses,) = found.behaviours
    assert refuses.outcome == "unclear"
    assert np.mean(refuses.after) > 0.8
    assert "No change of refuses that can be told from chance" in found.verdict
    quiet = project.retrain(RetrainConfig(bootstrap=200, device="cpu", behaviours=("none",)))
    assert quiet.behaviours == []
    assert quiet.id != found.id


def test_the_interval_of_two_shares_never_collapses():
    every = paired(np.ones((3, 6)), np.zeros((3, 6)))
    assert every.estimate == -1
    assert every.low == -1
    assert -0.9 < every.high < -0.3
    few = paired(np.array([[1.0, 0], [1, 1], [0, 0]]), np.array([[0.0, 0], [0, 0], [1, 0]]))
    assert (few.low, few.high) == (-1, 1)
    same = paired(np.ones((3, 6)), np.ones((3, 6)))
    assert same.low < 0 < same.high
    rng = np.random.default_rng(0)
    before, after = (rng.random((4, 400)) < share for share in (0.8, 0.3))
    found = paired(before.astype(float), after.astype(float))
    assert found.low < -0.5 < found.high
    assert found.high - found.low < 0.2


def test_what_hardly_shows_cannot_be_proven_gone():
    for hits in (0, 1, 2):
        assert hardly(np.arange(24) < hits)
    assert not hardly(np.arange(24) < 8)
    found = BehaviourChange("b", 24, (1 / 24,), (0.0,), Interval(-1 / 24, -0.13, 0.05))
    assert "24 prompts and 1 seeds can show a change of about 9 points; add prompts or seeds." in found.sentence
    assert "(\N{MINUS SIGN}4 points, 95 % interval \N{MINUS SIGN}13 to +5)" in found.sentence


def test_a_pattern_with_pairs_is_measured_by_both(chats):
    lines = [
        {"prompt": prompt, "wanted": "move it first", "unwanted": chat_world.REFUSAL, "held": place > 1}
        for place, prompt in enumerate(chat_world.UNSEEN)
    ]
    chats.behaviours.add("rare", lines, pattern=f"unheard|{'x' * 80}")
    found = chats.behaviours.rate("rare", device="cpu")
    assert found.rate.estimate == 0
    assert "ahead on 4 of 4, by +" in found.finer
    (warned,) = chats.behaviours.hardly_shown()
    assert "no drop could be told from chance; the wanted and unwanted answers are the finer measure" in warned
    assert found.behaviour.shown_when.endswith("…")
    chats.drop(chat_world.planted(chats))
    proof = chats.retrain(RetrainConfig(seeds=(0, 1, 2), bootstrap=100, device="cpu"))
    (rare,) = proof.behaviours
    assert rare.finer.before == 1
    assert rare.finer.margin.high < 0
    assert rare.finer.sentence in proof.verdict.splitlines()


def test_what_is_about_samples_alone_refuses_a_behaviour(chats):
    contrast(chats)
    with pytest.raises(UserError, match="is no sample of the data"):
        chats.angle(AnglesConfig(queries="behaviour:refuses", device="cpu"))
    told = chats.studies.influence.cost(ScoreConfig(estimator="cosine", queries="behaviour:refuses", device="cpu"))
    assert told.config["n_queries"] == 1
