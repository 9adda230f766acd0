"""What is measured of a split from its logits."""

import numpy as np
import pandas as pd
import torch

from attribution.studies.mislabels.judges import suggest
from attribution.tasks.classification import PLAIN
from attribution.training.measured import dynamics_of
from attribution.training.run import Run


def test_class_numbers_beyond_two_bytes_stay_what_they_are(tmp_path):
    """A vocabulary has more than 32,767 entries; records of two-byte numbers, made before, are still read."""
    classes = 40_000
    logits, labels = torch.zeros(2, classes), torch.tensor([39_999, 5])
    logits[0, 39_999], logits[1, 35_000] = 9.0, 9.0
    said = PLAIN.said(logits, labels.numpy())
    table = dynamics_of(PLAIN, said, labels.numpy(), np.array([0, 1]), 40_000)
    assert table["prediction"].tolist() == [39_999, 35_000]
    assert table["epoch"].tolist() == [40_000, 40_000]
    assert suggest(labels.numpy(), logits.softmax(1).numpy())[0].tolist()[1] == 35_000
    small = table.assign(prediction=np.int16(3), epoch=np.int16(2)).astype({"prediction": "int16", "epoch": "int16"})
    small.to_parquet(tmp_path / "dynamics.parquet", index=False)
    old = Run(tmp_path, {}).dynamics()
    both = pd.concat([old, table], ignore_index=True)
    assert both["prediction"].tolist() == [3, 3, 39_999, 35_000]
