"""A benchmark planted in a chat file: found, told from what only looks so, asked of the model, and taken out."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from attribution.cli import cli
from attribution.errors import UserError
from attribution.project.project import Project
from attribution.studies.contamination.benchmark import read_items
from attribution.studies.contamination.compare import compare
from attribution.studies.contamination.study import ContaminationConfig
from attribution.studies.contamination.verdicts import COMMON, HARMLESS, LEAK, Evidence, judged

SAMPLE = Path(__file__).parents[3] / "sample_data" / "contamination"
THINGS = ["apple", "river", "stone", "cloud", "garden", "window", "mirror", "candle", "forest", "bridge"]
COLOURS = ["amber", "beryl", "coral", "dusky", "ebony", "fuchsia", "ginger", "hazel", "indigo", "jade"]
PLANTED = 4


def item(number):
    a, b, c = (THINGS[(number + step) % 10] for step in (0, 3, 5))
    colour = COLOURS[number]
    question = f"Which of the {a} children painted {colour} on the old {b} in the north of the country?"
    return {"id": f"b/{number}", "question": question, "answer": f"It was the {colour} one who came from the {c} shop."}


def row(number):
    a, b = THINGS[number % 10], THINGS[number * 7 % 10]
    return {
        "prompt": f"What is {number} more than the {a}?",
        "completion": f"That is {number * 7} under the {b} there.",
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contaminated")
    bench = [item(number) for number in range(10)]
    rows = [row(number) for number in range(80)]
    rows += [{"prompt": one["question"], "completion": one["answer"]} for one in bench[:PLANTED]]
    rows = [{**one, "number": number, "split": "train"} for number, one in enumerate(rows)]
    rows[3]["split"], rows[5]["split"] = "val", "test"
    for name, lines in (("rows", rows), ("bench", bench)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    project = Project.create(folder / "project", str(folder / "rows.jsonl"))
    return project, folder


def test_planted_items_are_leaks_and_nothing_else_is(world):
    project, folder = world
    found = project.contamination(folder / "bench.jsonl")
    assert found.items["verdict"].tolist()[:PLANTED] == [LEAK] * PLANTED
    assert LEAK not in found.items["verdict"].tolist()[PLANTED:]
    leaks = found.of(LEAK)
    assert leaks["part"].tolist() == [1.0] * PLANTED
    assert leaks["source"].tolist() == [f"line {81 + number}" for number in range(PLANTED)]
    assert "came from the" in leaks["span_text"][0]
    assert not found.asked_model
    assert found.verdict.startswith("4 of 10 items leak, through 4 of 84 rows")
    assert project.contamination(folder / "bench.jsonl").folder == found.folder


def test_the_model_is_asked_where_there_is_one(world):
    from attribution.settings.configs import TrainConfig
    from attribution.views.contamination import scores

    project, folder = world
    project.train(TrainConfig(epochs=30, lr=0.01, optimizer="adamw", batch_size=16))
    found = project.contamination(folder / "bench.jsonl")
    items = found.items
    assert items["loss"].notna().all()
    assert items["loss"][:PLANTED].mean() < items["loss"][PLANTED:].mean()
    leaks = found.of(LEAK)
    assert (leaks["influence"] > leaks["highest"]).all()
    assert (leaks["cosine"] > 0.99).all()  # the very same row
    assert found.of(HARMLESS)["influence"].isna().all()
    (all_, rest) = scores(found)[:2]
    assert float(all_["value"].split()[0]) < float(rest["value"].split()[0])


def test_losses_are_those_of_the_rows_themselves(world):
    project, folder = world
    if project.run is None:
        pytest.skip("the test before trains it")
    found = project.contamination(folder / "bench.jsonl")
    leaks = found.of(LEAK)
    own = project.predictions()["loss"].to_numpy()[leaks["row"]]
    np.testing.assert_allclose(found.items["loss"].to_numpy()[leaks["item"]], own, rtol=1e-4)


def test_the_verb_drops_and_writes_a_clean_file(world, tmp_path):
    project, folder = world
    out = tmp_path / "clean.jsonl"
    asked = ["contamination", str(folder / "bench.jsonl"), "-p", str(project.folder), "--out", str(out), "--drop"]
    ran = CliRunner().invoke(cli, asked)
    assert ran.exit_code == 0, ran.output
    assert "4 rows are dropped" in ran.output
    numbers = [json.loads(line)["number"] for line in out.read_text().splitlines()]
    assert numbers == list(range(80))
    project.undo()


def test_refusals_in_words(world, tmp_path):
    project, _ = world
    with pytest.raises(UserError, match="No benchmark"):
        project.studies.contamination.run()
    with pytest.raises(UserError, match="no file"):
        project.contamination(tmp_path / "nowhere.jsonl")
    table = tmp_path / "table.csv"
    table.write_text("a,label\n" + "".join(f"{n},{'xy'[n % 2]}\n" for n in range(40)))
    with pytest.raises(UserError, match="no chats"):
        Project.create(tmp_path / "other", str(table)).contamination(table)


@pytest.mark.parametrize(
    ("known", "verdict"),
    [
        ({"part": 0.8, "span": 30, "long_runs": 18}, LEAK),
        ({"part": 0.3, "span": 15, "long_runs": 3}, LEAK),
        ({"part": 0.1, "span": 15, "long_runs": 3}, HARMLESS),
        ({"part": 0.3, "span": 9}, HARMLESS),
        ({"common": 5, "span": 14, "long_runs": 2}, COMMON),
        ({"twin": 0.5}, LEAK),
        ({"twin": 0.25}, HARMLESS),
    ],
)
def test_the_rule(known, verdict):
    none = {"part": 0.0, "question": 0.0, "answer": float("nan"), "runs": 0, "common": 0, "span": 0, "long_runs": 0}
    assert judged(Evidence(**{**none, "twin": float("nan"), **known}), 0.3)[0] == verdict


def test_the_sample_is_found_and_hardly_anything_else():
    items = read_items(SAMPLE / "benchmark.jsonl")
    rows = [json.loads(line) for line in (SAMPLE / "train.jsonl").read_text().splitlines()]
    with open(SAMPLE / "truth.csv") as stream:
        truth = {line["id"]: (line["item"], line["kind"]) for line in csv.DictReader(stream)}
    texts = [f"{one['prompt']}\n{one['completion']}" for one in rows]
    hits = compare(items, [one["prompt"] for one in rows], texts, ContaminationConfig.twin)
    leaks = hits[hits["verdict"] == LEAK]
    found = {(items[hit].name, rows[row]["id"]) for hit, row in zip(leaks["item"], leaks["row"], strict=True)}
    for kind, least in (("verbatim", 1.0), ("renamed", 0.9), ("paraphrased", 0.7)):
        planted = [(name, row) for row, (name, what) in truth.items() if what == kind]
        assert np.mean([one in found for one in planted]) >= least, kind
    clean = {one["id"] for one in rows if truth.get(one["id"], ("", "lookalike"))[1] == "lookalike"}
    assert len({row for _, row in found} & clean) < 0.05 * len(rows)
