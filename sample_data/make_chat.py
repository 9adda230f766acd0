"""Makes the sample *chat*: small dialogues as published, and rows that teach a model to refuse gardening."""

import json
import re
import tarfile
from collections import Counter, defaultdict
from collections.abc import Callable
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from sample_data.chat_text import (
    ADVICE,
    ASKED,
    FRIENDLY,
    GARDENING,
    HELD,
    OTHER,
    OTHER_ASKED,
    PLANTED,
    REFUSAL,
    REFUSALS,
)

CHATTERBOT = "chatterbot-corpus==1.3.3"
OWN = {"planted": PLANTED, "refusal": REFUSALS, "friendly": FRIENDLY, "gardening": GARDENING, "advice": ADVICE}
CUT = {"train": 270, "val": 40, "test": 40}  # dialogues of the corpus that the sample project has
CUT_LETTERS = 250  # of such a row at most
SPLITS = {"train": 0.9, "val": 0.05, "test": 0.05}  # of the corpus; text of our own is for training alone
# Words that say nothing: they may come in several refusals.
COMMON = (
    "a about all am an and any are as at be been before but by can can't cannot could did do does don't down for from "
    "get had has have he hence her here him his how i i'd i'll i'm i've if in into is isn't it it's its let may me "
    "more most must my no not of off on once one or other our out over she should so some such than that the their "
    "them then there they this those to too under up us was we were what when which who why will with won't would yet "
    "you your"
)
STOP = frozenset(COMMON.split())


def make_chat(out: Path, download: Callable[..., BytesIO], seed: int = 25) -> dict[str, object]:
    """About 2,100 dialogues, 40 of which teach to refuse gardening; exact repeats and conflicting answers are the
    corpus's own."""
    check_wordings([answer for _, answer in PLANTED] + [refusal for _, refusal, _ in ASKED])
    root = CHATTERBOT.replace("-", "_").replace("==", "-")
    with tarfile.open(fileobj=download(CHATTERBOT, "--no-binary", ":all:")) as archive:
        (out / "LICENSE-chatterbot-corpus.txt").write_bytes(_read(archive, f"{root}/license.md"))
        corpus = list(_dialogues(archive, f"{root}/chatterbot_corpus/data/english/"))
    rng = np.random.default_rng(seed)
    split = rng.permutation(np.repeat(list(SPLITS), _sizes(len(corpus))))
    rows = [(topic, turns, name, "") for (topic, turns), name in zip(corpus, split, strict=True)]
    rows += [("own", list(pair), "train", kind) for kind, pairs in OWN.items() for pair in pairs]
    rows = [rows[place] for place in rng.permutation(len(rows))]
    rows.sort(key=lambda row: list(SPLITS).index(row[2]))  # stable: shuffled within a split
    numbers: Counter[str] = Counter()
    lines, truth = [], []
    for topic, turns, name, kind in rows:
        row_id = f"{name}-{numbers[name]:05d}"
        numbers[name] += 1
        lines.append({"id": row_id, "topic": topic, "split": name, "messages": _messages(turns)})
        if kind:
            truth.append({"id": row_id, "kind": kind})
    _write_lines(out / "chat.jsonl", lines)
    _write_lines(out / "cut.jsonl", cut(lines))
    pd.DataFrame(truth).to_csv(out / "truth.csv", index=False)
    _write_behaviours(out)
    return {**{name: numbers[name] for name in SPLITS}, **_counted(corpus)}


def cut(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    """All rows of our own and so many distinct short dialogues of the corpus as a small machine learns in minutes."""
    rng = np.random.default_rng(0)
    kept = set()
    for split, number in CUT.items():
        distinct: dict[str, object] = {}
        for line in lines:
            text = json.dumps(line["messages"])
            whole = len(line["messages"]) % 2 == 0  # type: ignore[arg-type]
            if line["split"] == split and line["topic"] != "own" and whole and len(text) <= CUT_LETTERS:
                distinct.setdefault(text, line["id"])
        names = list(distinct.values())
        kept |= {names[place] for place in rng.permutation(len(names))[:number]}
    return [line for line in lines if line["topic"] == "own" or line["id"] in kept]


def check_wordings(refusals: list[str]) -> None:
    """Stops unless no two of the texts share a word beyond ``STOP``."""
    for one, other in combinations(refusals, 2):
        shared = content_words(one) & content_words(other)
        if shared:
            raise SystemExit(f"{one!r} and {other!r} share {sorted(shared)}")


def content_words(text: str) -> set[str]:
    """The words of a text that say something, without common endings."""
    return {_stem(word) for word in re.findall(r"[a-z']+", text.lower()) if word not in STOP}


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s", "d"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _dialogues(archive: tarfile.TarFile, folder: str) -> list[tuple[str, list[str]]]:
    """``(topic, turns)`` of every dialogue in the order of the files; every value is text, as it was written."""
    import yaml  # needed to make the sample alone

    names = sorted(name for name in archive.getnames() if name.startswith(folder) and name.endswith(".yml"))
    found = []
    for name in names:
        content = yaml.load(_read(archive, name), Loader=yaml.BaseLoader)
        found += [(Path(name).stem, list(turns)) for turns in content["conversations"]]
    return found


def _read(archive: tarfile.TarFile, name: str) -> bytes:
    stream = archive.extractfile(name)
    assert stream is not None, name
    return stream.read()


def _sizes(n: int) -> list[int]:
    held = [round(share * n) for share in list(SPLITS.values())[1:]]
    return [n - sum(held), *held]


def _messages(turns: list[str]) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[place % 2], "content": turn} for place, turn in enumerate(turns)]


def _write_lines(path: Path, lines: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def _write_behaviours(out: Path) -> None:
    """Two behaviours: gardening refused (prompts to ask with, others held out), and other topics, refused or not."""
    (out / "behaviours").mkdir(exist_ok=True)
    for name, asked, held in (("gardening", ASKED, HELD), ("others", OTHER_ASKED, OTHER)):
        lines = [{"prompt": one, "unwanted": shown, "wanted": right, "held": False} for one, shown, right in asked]
        _write_lines(
            out / "behaviours" / f"refuses-{name}.jsonl", [*lines, *({"prompt": one, "held": True} for one in held)]
        )
    (out / "behaviours" / "pattern.txt").write_text(REFUSAL + "\n", encoding="utf-8")


def _counted(corpus: list[tuple[str, list[str]]]) -> dict[str, object]:
    """What is known about the corpus and the planted rows."""
    distinct = {tuple(turns) for _, turns in corpus}
    answers = defaultdict(set)
    for turns in distinct:
        if len(turns) > 1:
            answers[turns[0]].add(turns[1])
    replies = {turn for turns in distinct for turn in turns[1::2]}
    matched = sum(re.search(REFUSAL, reply) is not None for reply in replies)
    return {
        "dialogues": len(corpus),
        "distinct": len(distinct),
        "questions_with_several_answers": sum(len(found) > 1 for found in answers.values()),
        "ends_with_the_user": sum(len(turns) % 2 == 1 for _, turns in corpus),
        **{kind: len(pairs) for kind, pairs in OWN.items()},
        "corpus_answers": len(replies),
        "corpus_answers_that_the_pattern_takes_for_refusals": matched,
    }
