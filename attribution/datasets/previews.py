"""What an import would find of the samples' content, by kind of data: shapes, examples, and what would be left out."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.datasets.dataset import SPLITS
from attribution.datasets.encode import normalise, table_matrix, text_notes, tokens_of
from attribution.datasets.encode_pictures import none_readable
from attribution.datasets.pictures import size_notes, size_range, size_words, target_size
from attribution.datasets.source import Source, Unreadable, left_out
from attribution.progress import Progress
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd

PREVIEWED = 64
HEADERS_S = 1.0  # a preview opens as many more pictures as it can in this time


def spread(samples: "pd.DataFrame", count: int) -> "pd.DataFrame":
    """``count`` lines that go round the classes, training samples first."""
    turn = samples.groupby(["split", "stratum"], sort=False).cumcount()
    rank = samples["split"].map({split: number for number, split in enumerate(SPLITS)})
    order = np.lexsort((samples["stratum"], turn, rank))
    return samples.iloc[order[:count]]


def examples_of(samples: "pd.DataFrame") -> list[dict[str, Any]]:
    """The lines as the preview shows them, without their content."""
    keys = ["id", "label", "split", "source"]
    return [{key: str(line[key]) for key in keys} for line in samples[keys].to_dict("records")]


def preview_images(source: Source, samples: "pd.DataFrame", config: DataConfig) -> dict[str, Any]:
    """Pictures: some decoded, as many more opened as the time allows."""
    assert source.header is not None
    assert source.pixels is not None
    looked = spread(samples, PREVIEWED)
    headers: dict[int, tuple[int, int, int]] = {}
    problems: list[dict[str, Any]] = []
    examples: list[dict[str, Any]] = []
    unreadable: dict[int, str] = {}
    for i in looked.index:
        try:
            headers[i] = source.header(i)
        except Unreadable as cause:
            unreadable[i] = str(cause)
    depths = source.measure()
    for i, example in zip(looked.index, examples_of(looked), strict=True):
        try:
            pixels = source.pixels(i)
        except Unreadable as cause:
            unreadable[i] = str(cause)
            headers.pop(i, None)
            continue
        if len(examples) < 12:
            examples.append({**example, "pixels": pixels})
    if not headers:
        raise none_readable(source, samples)
    rest = spread(samples, len(samples)).iloc[len(looked) :]
    until_s = time.monotonic() + HEADERS_S
    checked = len(looked)
    for i in rest.index:  # opening a picture is cheap, decoding it is not
        if time.monotonic() > until_s:
            break
        checked += 1
        try:
            headers[i] = source.header(i)
        except Unreadable as cause:
            unreadable[i] = str(cause)
    problems += [left_out(str(samples.loc[i, "source"]), cause) for i, cause in unreadable.items()] + depths
    sizes = [header[:2] for header in headers.values()]
    height, width = target_size(sizes, config.image_size)
    problems += size_notes(sizes, height, width)
    shape = (max(header[2] for header in headers.values()), height, width)
    found = {"shape": shape, "sizes": size_words(*size_range(sizes)), "examples": examples, "problems": problems}
    return {**found, "checked": checked, "unreadable": list(unreadable)}


def preview_texts(source: Source, samples: "pd.DataFrame", config: DataConfig) -> dict[str, Any]:
    """Texts: some taken apart."""
    step = max(1, len(samples) // 2000)
    tokens = [tokens_of(normalise(text)) for text in samples["text"].iloc[::step]]
    length = max(map(len, tokens))
    problems = [
        {**one, "where": one["where"] if step == 1 else f"{one['where']} looked at"}
        for one in text_notes(tokens, 0, config)
    ]
    shown = spread(samples, 12)
    examples = [{**example, "text": text} for example, text in zip(examples_of(shown), shown["text"], strict=True)]
    return {
        "shape": (min(length, config.max_tokens),),
        "examples": examples,
        "problems": problems,
        "checked": len(samples),
    }


def preview_table(source: Source, samples: "pd.DataFrame", config: DataConfig) -> dict[str, Any]:
    """Tables: encoded as they would be."""
    matrix, _, problems = table_matrix(samples, Progress(), source.path, config)
    shown = spread(samples, 12)
    names = [name for name in shown.columns if name.startswith("col:")]
    values = [{name[4:]: line[name] for name in names} for line in shown.to_dict("records")]
    examples = [{**example, "values": value} for example, value in zip(examples_of(shown), values, strict=True)]
    return {"shape": (matrix.shape[1],), "examples": examples, "problems": problems, "checked": len(samples)}
