"""The state of the data at a glance: figures, class table and confusions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.settings.configs import TrainConfig
from attribution.views.numbers import count, three_digits

if TYPE_CHECKING:
    from attribution.browse.kinds import Column
    from attribution.views.faces import Face


def wrong_labels(estimate: Mapping[str, float], open_suspects: int) -> tuple[str, str]:
    """How many labels are probably wrong ({}: no estimate), and beneath it the range and what waits for review."""
    if not estimate:
        return "not estimated", f"{count(open_suspects)} suspects open" if open_suspects else "all reviewed"
    low, mid, high = (round(estimate[part]) for part in ("low", "mid", "high"))
    if not high:  # a range of 0 to 0 is not one
        return "none seen", f"the {count(open_suspects)} most suspicious open" if open_suspects else "all reviewed"
    return f"about {count(mid)}", f"{count(low)} to {count(high)} · {count(open_suspects)} open"


# of the loss of guessing: trained text, table and picture models end below 0.6 on their own samples, 40 steps leave
# 0.88 to 0.97
HARDLY = 0.8


def left_to_learn(final: Mapping[str, Mapping[str, float]], labels: np.ndarray) -> str | None:
    """A sentence for a model whose loss on its own training samples is close to that of guessing by class sizes; None
    otherwise.

    ``final`` are a run's last losses by split, ``labels`` (n,) the training labels.
    """
    shares = np.bincount(labels) / max(1, len(labels))
    chance = float(-(shares[shares > 0] * np.log(shares[shares > 0])).sum())
    loss = final.get("train", {}).get("loss")
    if loss is None or not loss > HARDLY * chance or chance == 0:
        return None
    return (
        f"The model has hardly learned: its loss on its own training samples is {three_digits(loss)} nats, where "
        f"guessing by class sizes has {three_digits(chance)}. Influence, angles, the preview and the proof all stand "
        "on this model."
    )


def longer(recipe: "TrainConfig", samples: int, seed: int) -> "TrainConfig":
    """The recipe with four times the epochs, and at least as many as make 300 steps; the seed is the project's, so it
    becomes the model in use."""
    per_epoch = -(-max(1, samples) // recipe.batch_size)
    return replace(recipe, epochs=max(4 * recipe.epochs, -(-300 // per_epoch)), seed=seed)


def class_table(
    classes: Sequence[str],
    labels: np.ndarray,
    train: np.ndarray,
    test: pd.DataFrame,
    suspects: np.ndarray,
    edited: np.ndarray,
) -> pd.DataFrame:
    """One line per class: training samples, test accuracy, the class most often predicted instead, suspects and edits.

    ``labels`` (n,) current labels, ``train`` active training rows, ``test`` predictions of the test rows (``label``,
    ``prediction``, ``correct``), ``suspects`` and ``edited`` training rows. Accuracy is NaN for a class that the test
    set lacks.
    """
    lines = []
    for k, name in enumerate(classes):
        mine = test[test["label"] == k] if len(test) else test
        misses = mine[~mine["correct"].astype(bool)] if len(mine) else mine
        common = misses["prediction"].mode() if len(misses) else []
        lines.append(
            {
                "class": name,
                "training samples": int((labels[train] == k).sum()),
                "test accuracy": float(mine["correct"].mean()) if len(mine) else float("nan"),
                "test samples": len(mine),
                "most confused with": f"{classes[int(common[0])]} ({int((misses['prediction'] == common[0]).sum())})"
                if len(common)
                else "",
                "suspects": int((labels[suspects] == k).sum()) if len(suspects) else 0,
                "edited": int((labels[edited] == k).sum()) if len(edited) else 0,
            }
        )
    return pd.DataFrame(lines)


def confusions(test: pd.DataFrame, classes: Sequence[str], top: int = 5) -> pd.DataFrame:
    """The commonest mistakes on the test set: ``label``, ``prediction`` (names), ``n``, ``row`` (the surest
    example)."""
    wrong = test[~test["correct"].astype(bool)]
    lines = []
    for (label, prediction), group in wrong.groupby(["label", "prediction"]):
        surest = group["confidence"].idxmax()
        lines.append(
            {"label": classes[int(label)], "prediction": classes[int(prediction)], "n": len(group), "row": int(surest)}
        )
    frame = pd.DataFrame(lines, columns=["label", "prediction", "n", "row"])
    return frame.sort_values("n", ascending=False, kind="stable").head(top).reset_index(drop=True)


def counts_line(counts: Mapping[str, int]) -> str:
    """ "6,000 train · 1,000 val · 2,000 test"; empty splits are left out."""
    names = {"train": "train", "val": "validation", "test": "test"}
    return " · ".join(f"{count(counts[split])} {name}" for split, name in names.items() if counts.get(split))


def spoken(columns: "Mapping[str, Column]") -> list[str]:
    """How many turns there are, and how many tokens a model learns of them; [] for what is not spoken."""
    words = {"turns": "turns", "tokens": "learned tokens"}
    there = {name: np.asarray(columns[name].values, dtype=np.float64) for name in words if name in columns}
    return [f"{count(int(np.nansum(values)))} {words[name]}" for name, values in there.items()]


def spot_check(predictions: pd.DataFrame, rows: np.ndarray, ids: np.ndarray, face: "Face", n: int = 10) -> pd.DataFrame:
    """The model's word on ``n`` of ``rows``, spread evenly: ``id``, the target, what is said of it, ``loss``.

    Shows at a glance whether weights, preprocessing and the order of the classes fit together.
    """
    chosen = (
        rows[np.unique(np.linspace(0, len(rows) - 1, min(n, len(rows))).round().astype(int))] if len(rows) else rows
    )
    part = predictions.loc[chosen]
    return pd.DataFrame(
        {
            "id": ids[chosen],
            face.noun: [face.word(label) for label in part["label"]],
            **face.line(part),
            "loss": part["loss"].to_numpy(),
        }
    )
