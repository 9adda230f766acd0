"""A kind of data of its own: short waves, as a reader finds them, with the words and the array of each."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from attribution.datasets.encode import Encoded
from attribution.datasets.readers import register as reader
from attribution.datasets.readers.base import Reader
from attribution.datasets.row_hashes import content_hash
from attribution.datasets.source import Source
from attribution.modalities import Modality, register


@reader("waves")
class Waves(Reader):
    """Lines of JSON: a label and the heights of a wave."""

    title = "a file of waves"
    summary = "A wave a line."
    suffixes = (".waves",)

    def read(self, config):
        path = Path(config.path).expanduser()
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        samples = pd.DataFrame({"label": [line["label"] for line in lines], "wave": [line["wave"] for line in lines]})
        samples["id"] = [f"wave-{number:03}" for number in range(len(lines))]
        samples["source"] = [f"line {number}" for number in range(1, len(lines) + 1)]
        samples["split"] = ""
        return Source("wave", path, samples, seen=len(lines))


@register("wave")
class Wave(Modality):
    """Heights over time, one row of numbers."""

    title = "waves"
    one = "wave"
    size_unit = "heights"

    def encode(self, source, samples, config, folder, progress):
        heights = np.array(samples["wave"].tolist(), dtype=np.float32)
        np.save(folder / "inputs.npy", heights, allow_pickle=False)
        hashes = [content_hash(row.tobytes()) for row in heights]
        return Encoded(samples.assign(hash=hashes), heights.shape[1:], {})

    def describe(self, dataset, row):
        return f"a wave up to {np.max(dataset.inputs[row]):.2g}"

    def alt(self, dataset, row):
        return f"Wave {dataset.ids[row]}, up to {np.max(dataset.inputs[row]):.2g}"
