"""What the pages say of behaviours: what is asked, how often a model shows them, and answers before and after."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attribution.datasets.chat.behaviour import ASK, BEHAVIOUR, TO
from attribution.datasets.chat.conversation import Conversation
from attribution.views.numbers import percent, plural

if TYPE_CHECKING:
    import pandas as pd

    from attribution.datasets.chat.behaviour import Behaviour
    from attribution.studies.behaviour.result import BehaviourResult
    from attribution.studies.removal.result import RemovalResult
    from attribution.studies.retrain.shown import BehaviourChange

TAUGHT = "Taught it"
AGAINST = "Worked against it"
WORDS = {
    TAUGHT: "Training on these rows made it likelier.",
    AGAINST: "Training on these rows made it less likely.",
}


def asks_about(query: str) -> bool:
    """Whether a query means a behaviour or a typed answer."""
    return query.startswith((BEHAVIOUR, ASK))


def title(query: str) -> str:
    """ "the behaviour refuses", "the answer “No.” to “Why?”"."""
    if query.startswith(BEHAVIOUR):
        return f"the behaviour {query.removeprefix(BEHAVIOUR)}"
    prompt, _, answer = query.removeprefix(ASK).rpartition(TO)
    return f"the answer “{_short(answer)}”" + (f" to “{_short(prompt)}”" if prompt.strip() else "")


def conversations(behaviour: "Behaviour") -> list[tuple[str, Conversation]]:
    """The prompts that influence is asked of, with the answers that are held against each other."""
    found = []
    for case in behaviour.cases:
        answers = [(side, text) for side, text in (("unwanted", case.unwanted), ("wanted", case.wanted)) if text]
        found += [(side, case.answered(text)) for side, text in answers] or [("to be answered", case.prompt)]
    return found


def about(behaviour: "Behaviour") -> str:
    """How it shows, and on what it is measured, in a line."""
    aim = "A wanted behaviour, which edits must not lower" if behaviour.must_stay else "An unwanted behaviour"
    return (
        f"{aim}: shown when {behaviour.shown_when}. Influence is asked of "
        f"{plural(len(behaviour.cases), 'prompt')}; the rate is measured on {len(behaviour.held)} unseen ones."
    )


def cells(changes: "Sequence[BehaviourChange]") -> list[dict[str, str]]:
    """A metric per behaviour of a proof: ``label``, ``value``, ``delta``, ``help``."""
    found = []
    for one in changes:
        was, now = (sum(part) / len(part) for part in (one.before, one.after))
        difference = one.difference
        low, high = (f"{100 * end:+.0f}" for end in (difference.low, difference.high))
        found.append(
            {
                "label": f"Shows {one.name}",
                "value": f"{percent(was)} → {percent(now)}",
                "delta": f"{100 * difference.estimate:+.0f} points ({low} to {high})".replace("-", "\N{MINUS SIGN}"),
                "help": f"Mean over {plural(len(one.before), 'seed')} on {one.n} unseen prompts; "
                f"{'must not fall' if one.must_stay else 'lower is better'}; {percent(difference.level)} interval over "
                "seeds and prompts.",
            }
        )
    return found


def changed_first(answers: "pd.DataFrame") -> "pd.DataFrame":
    """Answers of a proof, those where the behaviour went or came first."""
    changed = answers["shown_before"] != answers["shown_after"]
    return answers.assign(_order=~changed).sort_values("_order", kind="stable").drop(columns="_order")


def line_of(line: Mapping[str, Any]) -> str:
    """Whether one answer showed the behaviour before and after."""
    words = {True: "shown", False: "not shown"}
    return f"seed {line['seed']}: {words[bool(line['shown_before'])]} before, {words[bool(line['shown_after'])]} after"


def rate_words(found: "BehaviourResult | None") -> str:
    """The measured rate, or that there is none yet."""
    return found.sentence if found is not None else "How often the model in use shows it is not measured yet."


def beside_rate(found: "BehaviourResult | None") -> list[str]:
    """What stands under a rate: the finer measure, and that it is too low for a proof."""
    from attribution.studies.retrain.behaviours import hardly_words

    return [] if found is None else [words for words in (found.finer, hardly_words(found)) if words]


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 80 else f"{plain[:79]}…"


def curve_table(found: "RemovalResult") -> "pd.DataFrame":
    """A removal curve for people: a line per estimator and number of rows."""
    import pandas as pd

    lines = [
        {
            "rows chosen by": line.estimator,
            "dropped": int(line.k),
            "shows it": percent(line.rate),
            "95 % interval": f"{percent(line.low)} to {percent(line.high)}",
            "against chance (points)": f"{100 * line.ahead:+.0f} ({100 * line.ahead_low:+.0f} to "
            f"{100 * line.ahead_high:+.0f})".replace("-", "\N{MINUS SIGN}"),
        }
        for line in found.curve.itertuples()
        if line.k
    ]
    return pd.DataFrame(lines)
