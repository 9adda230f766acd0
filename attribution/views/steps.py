"""The one next step: what matters most for the project as it stands."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from attribution.statistics.power import CHANCE
from attribution.views.numbers import plural

if TYPE_CHECKING:
    from attribution.settings.configs import TrainConfig
    from attribution.studies.retrain.beforehand import Beforehand

ENOUGH = 10  # edits for a proof where its chance is not known


@dataclass(frozen=True)
class NextStep:
    """What to do next, in one sentence, with the button's words and the page (or job kind, with its recipe) it leads
    to."""

    sentence: str
    button: str
    page: str = ""
    job: str = ""
    config: "TrainConfig | None" = None


@dataclass(frozen=True)
class Standing:
    """Where a project stands. ``leaks`` says what leaks nobody judged do to the test score, ``hardly`` that the model
    has learned next to nothing ("" for nothing), ``longer`` is the recipe that would mend that (None: it is not trained
    here). ``retrained``: a finished retraining has the edits; ``loaded``: the weights were trained elsewhere;
    ``proof``: what a proof of the edits would tell."""

    trained: bool
    flagged: bool
    open_suspects: int = 0
    pending: int = 0
    leaks: str = ""
    hardly: str = ""
    longer: "TrainConfig | None" = None
    retrained: bool = False
    loaded: bool = False
    proof: "Beforehand | None" = None
    noun: str = "label"
    searchable: bool = True  # whether there are wrong targets to look for

    @property
    def nouns(self) -> str:
        """Several of the noun."""
        return self.noun if self.noun.endswith("s") else f"{self.noun}s"

    @property
    def enough(self) -> bool:
        """Whether a proof is likely to tell what the edits do."""
        return self.pending >= ENOUGH if self.proof is None else self.proof.chance >= CHANCE


def next_step(now: Standing) -> NextStep:
    """The first of these that is so.

    No model; leaks that move the test score, by which all else is measured; a model that has hardly learned, on which
    all else stands; no search; edits that a proof can tell, or that are in a finished proof; suspects; edits; mistakes.
    """
    if not now.trained:
        return _train(now.loaded)
    if now.leaks:
        return NextStep(f"{now.leaks} Judge these leaks first.", "Judge the leaks", page="leaks")
    if now.hardly and now.longer is not None:
        button = f"Train longer ({now.longer.epochs} epochs)"
        return NextStep(now.hardly, button, job="prepare", config=now.longer)
    if not (now.flagged or now.searchable):
        return _prove(now) if now.pending else _ask()
    return _decide(now) if now.flagged else _search(now)


def _decide(now: Standing) -> NextStep:
    if now.pending and (now.retrained or now.enough or not now.open_suspects):
        return _prove(now)
    return _review(now) if now.open_suspects else _explain()


def _train(loaded: bool) -> NextStep:
    if loaded:
        sentence = "Your weights are loaded. Analysing them takes a few minutes and shows where they go wrong."
        return NextStep(sentence, "Analyse", job="prepare")
    sentence = "There is no model yet. Training one takes a few minutes and shows where it goes wrong."
    return NextStep(sentence, "Train and analyse", job="prepare")


def _prove(now: Standing) -> NextStep:
    edits = plural(now.pending, "edit")
    if now.retrained:
        sentence = f"{edits} in the retrained model. See what they changed, and use it."
        return NextStep(sentence, "See the proof", page="retrain")
    told = f" {now.proof.sentence()}" if now.proof is not None else ""
    sentence = f"{edits} not yet in the model. Retrain and see what they change.{told}"
    return NextStep(sentence, "Retrain", page="retrain")


def _review(now: Standing) -> NextStep:
    waiting = plural(now.open_suspects, f"suspicious {now.noun}", f"suspicious {now.nouns}")
    told = f" {now.proof.sentence()}" if now.proof is not None and now.pending else ""
    sentence = f"{waiting} waiting. {review_time(now.open_suspects)}{told}"
    return NextStep(sentence, f"Review {now.nouns}", page="review")


def _explain() -> NextStep:
    sentence = "Every suspect is reviewed. See which training samples made the remaining mistakes."
    return NextStep(sentence, "Explain a mistake", page="influence")


def _search(now: Standing) -> NextStep:
    sentence = f"The model is trained. Next, look for {now.nouns} that are probably wrong."
    return NextStep(sentence, f"Look for wrong {now.nouns}", job="mislabels")


def _ask() -> NextStep:
    sentence = "The model is trained. Ask which rows taught it an answer, or look through the rows themselves."
    return NextStep(sentence, "Ask what taught an answer", page="influence")


def review_time(n: int) -> str:
    """How long the review takes, at ten labels a minute."""
    if n > 50:
        return "Reviewing the first 50 takes about five minutes."
    minutes = plural(math.ceil(n / 10), "minute")
    return (
        f"Reviewing {'it' if n == 1 else 'them'} takes about "
        f"{minutes.replace('1 minute', 'a minute') if n <= 10 else minutes}."
    )
