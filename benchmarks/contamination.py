"""How much of a benchmark that was planted in a training file is found, at how many false alarms, beside plain runs of
words; and how long the search for near repeats takes.

Run: python benchmarks/contamination.py [--out FILE]. The data: sample_data/contamination (HumanEval as it is, renamed
and in other words among 2,000 rows of code). Writes benchmarks/results/contamination.json, half a minute on one core.
Exits with status 1 if less is found than is promised: all verbatim, 90 % of the renamed, 70 % of the paraphrased, with
fewer false alarms than 5 % of the rows.
"""

import argparse
import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution.neighbors.word_runs import near_pairs, runs_of
from attribution.studies.contamination.benchmark import read_items
from attribution.studies.contamination.compare import compare
from attribution.studies.contamination.study import ContaminationConfig
from attribution.studies.contamination.verdicts import LEAK, by_words
from attribution.views.numbers import share_interval

ROOT = Path(__file__).resolve().parent
SAMPLE = ROOT.parent / "sample_data" / "contamination"
PROMISED = {"verbatim": 1.0, "renamed": 0.9, "paraphrased": 0.7}
FALSE = 0.05
CLEAN = ("ordinary", "lookalike")
ROWS = 100_000  # of the search for near repeats


def main() -> int:
    """Measure, write, and say whether the promises hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "contamination.json")
    out = parser.parse_args().out
    items = read_items(SAMPLE / "benchmark.jsonl")
    rows = [json.loads(line) for line in (SAMPLE / "train.jsonl").read_text().splitlines()]
    began_s = time.monotonic()
    texts = [f"{one['prompt']}\n{one['completion']}" for one in rows]
    hits = compare(items, [one["prompt"] for one in rows], texts, ContaminationConfig.twin)
    seconds_s = time.monotonic() - began_s
    planted, kinds = truth([one["id"] for one in rows], {one.name: place for place, one in enumerate(items)})
    ways = {
        "verdict leak": hits[hits["verdict"] == LEAK],
        "verdict leak, word by word alone": hits[by_words(hits)],
        "any run of 8 words": hits[hits["span"] >= 8],
        "any run of 13 words": hits[hits["span"] >= 13],
        **{f"other words at {cosine}": hits[hits["twin"] >= cosine] for cosine in (0.2, 0.25, 0.3, 0.35, 0.4, 0.5)},
    }
    found = {name: judge(table, planted, kinds) for name, table in ways.items()}
    result = {"items": len(items), "rows": len(rows), "seconds_s": round(seconds_s, 2), "ways": found, "near": near()}
    out.write_text(json.dumps(result, indent=1) + "\n")
    sys.stdout.write(json.dumps(result, indent=1) + "\n")
    ours = found["verdict leak"]
    kept = all(ours[kind]["found"] >= least for kind, least in PROMISED.items())
    return 0 if kept and ours["false"]["share"] < FALSE else 1


def truth(ids: list[str], places: dict[str, int]) -> tuple[dict[int, int], np.ndarray]:
    """The planted item by row, and the kind of each row."""
    with open(SAMPLE / "truth.csv") as stream:
        lines = {line["id"]: line for line in csv.DictReader(stream)}
    planted = {row: places[lines[name]["item"]] for row, name in enumerate(ids) if lines.get(name, {}).get("item")}
    return planted, np.array([lines[name]["kind"] if name in lines else "ordinary" for name in ids])


def judge(hits: pd.DataFrame, planted: dict[int, int], kinds: np.ndarray) -> dict[str, Any]:
    """Of each planted kind the share whose very item is named, with Wilson's interval; and clean rows named."""
    pairs = set(zip(hits["row"].tolist(), hits["item"].tolist(), strict=True))
    said: dict[str, Any] = {}
    for kind in PROMISED:
        rows = np.flatnonzero(kinds == kind).tolist()
        right = sum((row, planted[row]) in pairs for row in rows)
        low, high = share_interval(right, len(rows))
        said[kind] = {
            "found": round(right / len(rows), 3),
            "low": round(low, 3),
            "high": round(high, 3),
            "n": len(rows),
        }
    clean = np.flatnonzero(np.isin(kinds, CLEAN))
    named = np.intersect1d(clean, hits["row"].to_numpy())
    lookalikes = int((kinds[named] == "lookalike").sum())
    share = round(len(named) / len(clean), 4)
    return said | {"false": {"rows": len(named), "of": len(clean), "share": share, "lookalikes": lookalikes}}


def near() -> dict[str, Any]:
    """Seconds to find near repeats among ``ROWS`` rows of 40 words, a hundredth of them with one word changed, and the
    share of those that is found."""
    chance = np.random.default_rng(0)
    words = np.array([f"w{number}" for number in range(5000)], dtype=object)
    texts = [" ".join(chance.choice(words, 40)) for _ in range(ROWS)]
    for row in range(0, ROWS // 50, 2):
        changed = texts[row].split()
        changed[int(chance.integers(40))] = "changed"
        texts[row + 1] = " ".join(changed)
    began_s = time.monotonic()
    left, _, _ = near_pairs(runs_of(texts, 3), 0.7)
    found = len(left) / (ROWS // 100)
    return {"rows": ROWS, "seconds_s": round(time.monotonic() - began_s, 2), "found": round(found, 4)}


if __name__ == "__main__":
    raise SystemExit(main())
