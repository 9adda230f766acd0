"""The state of the data at a glance: figures, class table, confusions, and the next step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.settings.configs import TrainConfig
from attribution.views.numbers import count, plural, three_digits

if TYPE_CHECKING:
    from attribution.views.faces import Face


@dataclass(frozen=True)
class NextStep:
    """What to do next, in one sentence, with the button's words and the page (or job kind) it leads to."""

    sentence: str
    button: str
    page: str = ""
    job: str = ""


def next_step(
    *,
    trained: bool,
    flagged: bool,
    open_suspects: int,
    pending: int,
    leaks: str = "",
    retrained: bool = False,
    loaded: bool = False,
    noun: str = "label",
) -> NextStep:
    """The one next step. ``leaks`` says what leaks nobody judged do to
    the test score ("" for nothing): that score is what everything else is measured by. ``retrained``: a finished
    retraining has the edits. ``loaded``: the model's weights were trained elsewhere."""
    if not trained:
        return _train(loaded)
    if leaks:
        return NextStep(f"{leaks} Judge these leaks first.", "Judge the leaks", page="leaks")
    nouns = noun if noun.endswith("s") else f"{noun}s"
    if not flagged:
        return NextStep(
            f"The model is trained. Next, look for {nouns} that are probably wrong.",
            f"Look for wrong {nouns}",
            job="mislabels",
        )
    if pending and (retrained or pending >= 10 or not open_suspects):
        return _prove(plural(pending, "edit"), retrained)
    if open_suspects:
        return NextStep(
            f"{plural(open_suspects, f'suspicious {noun}', f'suspicious {nouns}')} waiting. "
            f"{review_time(open_suspects)}",
            f"Review {nouns}",
            page="review",
        )
    return NextStep(
        "Every suspect is reviewed. See which training samples made the remaining mistakes.",
        "Explain a mistake",
        page="influence",
    )


def _train(loaded: bool) -> NextStep:
    if loaded:
        sentence = "Your weights are loaded. Analysing them takes a few minutes and shows where they go wrong."
        return NextStep(sentence, "Analyse", job="prepare")
    sentence = "There is no model yet. Training one takes a few minutes and shows where it goes wrong."
    return NextStep(sentence, "Train and analyse", job="prepare")


def _prove(edits: str, retrained: bool) -> NextStep:
    if retrained:
        sentence = f"{edits} in the retrained model. See what they changed, and use it."
        return NextStep(sentence, "See the proof", page="retrain")
    sentence = f"{edits} not yet in the model. Retrain and see what they change."
    return NextStep(sentence, "Retrain", page="retrain")


def review_time(n: int) -> str:
    """How long the review takes, at ten labels a minute."""
    if n > 50:
        return "Reviewing the first 50 takes about five minutes."
    minutes = plural(math.ceil(n / 10), "minute")
    return (
        f"Reviewing {'it' if n == 1 else 'them'} takes about "
        f"{minutes.replace('1 minute', 'a minute') if n <= 10 else minutes}."
    )


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
