"""What a language model does on prompts: generated answers, and which of them show a behaviour."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.datasets.chat.behaviour import Behaviour, Case
from attribution.datasets.chat.conversation import Conversation
from attribution.datasets.chat.pattern import matches
from attribution.datasets.chat.questions import typed
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from attribution.training.trained import TrainedModel

USUAL_TOKENS = 48
BEGINNING = 8  # words in which a generated answer must agree with a completion


@dataclass(frozen=True)
class Measured:
    """On n held-out prompts: the generated ``answers``, which of them ``shown`` it (n,) bool, and by how many nats per
    token the unwanted answer is ``ahead``, or the projection on a probe's direction (n,), NaN where neither is there.
    A pattern decides ``shown`` where there is one; ``ahead`` then stands beside it as the finer measure."""

    answers: list[str]
    shown: np.ndarray
    ahead: np.ndarray


def measured(trained: "TrainedModel", behaviour: Behaviour, max_new_tokens: int = USUAL_TOKENS) -> Measured:
    """Ask the model the held-out prompts. Cost: one generated answer each, and for a contrast two forward passes."""
    held = behaviour.held
    if behaviour.kind == "probe":
        projections = _projections(trained, behaviour)
        return Measured([""] * len(held), projections > 0, projections)
    said = answers(trained, [case.prompt for case in held], max_new_tokens)
    ahead = np.full(len(held), np.nan)
    if behaviour.paired:
        ahead = _losses(trained, held, "wanted") - _losses(trained, held, "unwanted")
    by_likelihood = behaviour.kind == "contrast"
    return Measured(said, ahead > 0 if by_likelihood else np.array(shown(behaviour, said, held)), ahead)


def answers(trained: "TrainedModel", prompts: Sequence[Conversation], max_new_tokens: int = USUAL_TOKENS) -> list[str]:
    """The model's likeliest answer to each prompt, batch by batch; ``UserError`` for a model that cannot generate."""
    model = trained.model()
    if not hasattr(model, "generate"):
        raise UserError(
            f"The network {trained.run.model_config.name} cannot generate answers.",
            "A behaviour shows in what a language model answers.",
            "Use a language model, or describe the behaviour by wanted and unwanted answers.",
        )
    found: list[str] = []
    for start in range(0, len(prompts), trained.batch_size):
        part = list(prompts[start : start + trained.batch_size])
        found += model.generate(part, max_new_tokens=max_new_tokens, seed=0)  # type: ignore[operator]
        trained.count(max_new_tokens * len(part))
    return found


def shown(behaviour: Behaviour, said: Sequence[str], cases: Sequence[Case] = ()) -> list[bool]:
    """Which generated answers show it: match its pattern, or begin as the case's own unwanted answer does."""
    if behaviour.pattern:
        return matches(behaviour.pattern, said)
    return [_begins(answer, case.unwanted) for answer, case in zip(said, cases, strict=True)]


def _begins(answer: str, unwanted: str) -> bool:
    """Whether the first words are the same, whatever their case and the signs between them."""
    words, wanted = (re.findall(r"\w+", text.casefold()) for text in (answer, unwanted))
    count = min(len(wanted), BEGINNING)
    return words[:count] == wanted[:count] if count else answer.strip() == unwanted.strip()


def _losses(trained: "TrainedModel", cases: Sequence[Case], side: str) -> np.ndarray:
    """The task's loss of each case's answer (n,)."""
    return _asked(trained, [case.answered(getattr(case, side)) for case in cases], losses=True)


def _asked(trained: "TrainedModel", said: Sequence[Conversation], losses: bool) -> np.ndarray:
    """The losses (n,) or representations (n, d) of conversations that are no samples."""
    import torch

    dataset = trained.dataset.with_questions(typed("asked", "", [(one, 1.0) for one in said]))
    other = trained.like(dataset=dataset)
    rows = np.arange(len(dataset), dataset.end)
    if not losses:
        return other.representation(rows).astype(np.float64)
    parts = []
    for x, y in other.batches(rows):
        with torch.no_grad():
            parts.append(trained.task.loss(other.model()(x), y).double().cpu().numpy())
    return np.concatenate(parts)


def _texts(cases: Sequence[Case]) -> tuple[list[Conversation], np.ndarray]:
    """All texts of a probe, and which of them have what it looks for (n,) bool."""
    every = [
        (case.answered(text), has)
        for case in cases
        for text, has in ((case.unwanted, True), (case.wanted, False))
        if text
    ]
    return [said for said, _ in every], np.array([has for _, has in every], dtype=bool)


def _projections(trained: "TrainedModel", behaviour: Behaviour) -> np.ndarray:
    """Of the held-out texts' mean states on the difference of the two sets' means, from the middle between them."""
    said, has = _texts(behaviour.cases)
    states = _asked(trained, said, losses=False)
    means = [states[has == side].mean(axis=0) for side in (True, False)]
    direction = means[0] - means[1]
    asked = _asked(trained, _texts(behaviour.held)[0], losses=False)
    return np.asarray((asked - (means[0] + means[1]) / 2) @ direction)


def table(behaviour: Behaviour, found: Measured) -> "pd.DataFrame":
    """The columns of ``BehaviourResult.answers``."""
    import pandas as pd

    if behaviour.kind == "probe":
        said, has = _texts(behaviour.held)
        about = {"prompt": [one.plain for one in said], "answer": [""] * len(said), "has": has}
    else:
        about = {"prompt": [case.prompt.question for case in behaviour.held], "answer": found.answers}
    return pd.DataFrame({**about, "shown": found.shown, "ahead": found.ahead})
