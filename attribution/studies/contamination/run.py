"""The comparison with a benchmark: the words of all training rows, and what the model says of the items."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.chat.conversation import TURNS, Conversation
from attribution.datasets.words import whole
from attribution.errors import UserError
from attribution.progress import Progress
from attribution.storage.files import file_hash
from attribution.storage.tables import write_table
from attribution.studies.base import Context, Request
from attribution.studies.contamination.benchmark import Item, read_items
from attribution.studies.contamination.compare import compare
from attribution.studies.contamination.overlap import SHORT
from attribution.studies.contamination.study import ContaminationConfig
from attribution.studies.contamination.twins import TITLE
from attribution.studies.contamination.verdicts import HARMLESS, LEAK, rule

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1  # raise when the same request would give another result than before
SHOWN = 4000  # signs of a question and of an answer that are kept


def request(context: Context, config: ContaminationConfig) -> Request:
    """The rows, the file by its content, the settings and, where there is one, the model. ``UserError`` for data that
    are no chats, without training rows, and for a file that is no benchmark."""
    _check(context, config)
    items = read_items(config.benchmark, config.question, config.answer)
    model = {"run": context.asked.id, "weights": context.weights} if _asks(context) else {}
    said = {
        "format": FORMAT,
        "benchmark": Path(config.benchmark).name,
        "content": file_hash(Path(config.benchmark)),
        "data": context.dataset.info.base_hash,
        "version": context.labels.version,
        "question": config.question,
        "answer": config.answer,
        "twin": config.twin,
        **(model | {"influence": config.influence, "seed": config.seed} if model else {}),
    }
    return Request(said, ready=items)


def _check(context: Context, config: ContaminationConfig) -> None:
    """That there are chats, and that a benchmark is named."""
    if TURNS not in context.dataset.column_names:
        raise UserError(
            "These samples are no chats.",
            "Items of a benchmark are compared with what rows say.",
            "Copies of test samples are found by datablame leaks.",
        )
    if not config.benchmark:
        raise UserError(
            "No benchmark is named.",
            "There is nothing to compare with.",
            "Run datablame contamination BENCHMARK.jsonl.",
        )


def _asks(context: Context) -> bool:
    """Whether there is a model with weights."""
    return context.run is not None and bool(context.run.checkpoints)


def compute(context: Context, config: ContaminationConfig, asked: Request, out: Path, work: Progress) -> dict[str, Any]:
    """Write ``hits.parquet`` and ``items.parquet``. All rows of the file take part, whatever their split, so that the
    file that comes out is clean; dropped ones too, so that a verdict is found again."""
    items: list[Item] = asked.ready
    dataset = context.dataset
    rows = [Conversation.from_json(turns) for turns in dataset.column(TURNS)]
    questions = [_contents(one.prompt) or _contents(one) for one in rows]
    texts = [_contents(one) for one in rows]
    hits = compare(items, questions, texts, config.twin, work.part(0.0, 0.6))
    table = _items(items, hits)
    said = _of_model(context, config, items, hits, table, work.part(0.6, 1.0)) if _asks(context) else {}
    names = {name: dataset.column(name).to_numpy(dtype=object)[hits["row"]] for name in ("id", "source", "split")}
    hits = hits.assign(**names, span_text=hits["span_text"].map(whole), why=hits["why"].map(whole))
    write_table(out / "hits.parquet", hits)
    write_table(out / "items.parquet", table)
    short = sum(len(one.text.split()) < SHORT for one in items)
    return {**said, "n": len(texts), "items": len(items), "short": short, "rule": rule(config.twin), "twins": TITLE}


def _contents(conversation: Conversation) -> str:
    """What is said, without who says it: items are compared with that."""
    return "\n".join(turn.content for turn in conversation.turns)


def _items(items: list[Item], hits: "pd.DataFrame") -> "pd.DataFrame":
    """One line per item: name, line, question, answer, and the verdict on its best hit ("" for none)."""
    import pandas as pd

    best = hits.drop_duplicates("item").set_index("item")["verdict"]
    return pd.DataFrame(
        {
            "name": [whole(one.name) for one in items],
            "line": [one.line for one in items],
            "question": [whole(one.question[:SHOWN]) for one in items],
            "answer": [whole(one.answer[:SHOWN]) for one in items],
            "verdict": best.reindex(range(len(items))).fillna("").to_numpy(dtype=object),
            "loss": np.full(len(items), np.nan),
            "right": np.full(len(items), np.nan),
        }
    )


def _of_model(
    context: Context,
    config: ContaminationConfig,
    items: list[Item],
    hits: "pd.DataFrame",
    table: "pd.DataFrame",
    work: Progress,
) -> dict[str, Any]:
    """The items' losses into ``table``, and the influence of leaked rows into ``hits``."""
    from attribution.studies.contamination.asked import CONTROLS, Asked

    asked = Asked(context.trained(config.device), items)
    losses, right = asked.scores(work.part(0.0, 0.4))
    table.loc[asked.places, "loss"] = losses
    table.loc[asked.places, "right"] = np.where([bool(items[place].answer) for place in asked.places], right, np.nan)
    leaked = hits.index[hits["verdict"] == LEAK]
    chosen = set(hits.loc[leaked, "item"].drop_duplicates().tolist()[: config.influence])
    pairs = leaked[hits.loc[leaked, "item"].isin(chosen)]
    apart = np.zeros(len(context.dataset), dtype=bool)
    apart[hits.loc[hits["verdict"] != HARMLESS, "row"]] = True
    item, row = (hits.loc[pairs, name].to_numpy(dtype=np.int64) for name in ("item", "row"))
    for name, values in asked.influence((item, row), apart, config.seed, work.part(0.4, 1.0)).items():
        hits.loc[pairs, name] = values
    return {"asked": len(asked.places), "controls": CONTROLS, "unit": getattr(context.dataset.task, "unit", "nats")}
