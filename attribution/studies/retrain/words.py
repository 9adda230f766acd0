"""The answer of a proof in sentences: by the figure's direction and unit, and what would make it look better than it
is."""

from attribution.studies.retrain.result import Change

ELSEWHERE = (
    " All these models were trained here from scratch, with the project's recipe; the weights you loaded "
    "were trained elsewhere and were not asked."
)
TUNED = (
    " All these models start from the weights you loaded and were trained on here with the project's recipe. Where "
    "those weights have seen the labels before your edits, what the edits gain is larger than this."
)
SURER = {
    "better": ": the new models are surer of the mistakes they still make",
    "worse": ": the new models are less sure of their mistakes",
}


def by_your_own(command: str) -> str:
    """Who trained the models of a proof that a script or a function of the user's made."""
    how = f"script: {command}" if command else "function"
    return f" All these models were trained by your own {how}."


def outcome(change: Change) -> str:
    """better, worse or unclear, by the interval of the difference and the figure's direction."""
    difference = change.difference
    if not difference.excludes_zero:
        return "unclear"
    return "better" if difference.estimate * change.reading.sign > 0 else "worse"


def retrained(change: Change, seeds: int) -> str:
    """``Test accuracy rose by 1.3 points (95 % interval 0.6 to 2.0) over 3 seeds.``"""
    reading, difference = change.reading, change.difference
    if not difference.excludes_zero:
        words = reading.change(difference)
        return f"No change in test {reading.title} that can be told from chance: {words} over {seeds} seeds."
    way = "rose" if difference.estimate > 0 else "fell"
    return f"Test {reading.title} {way} by {reading.change(difference, sizes=True)} over {seeds} seeds."


def previewed(change: Change) -> str:
    """``Preview: test accuracy would rise by 1.3 points (95 % interval over test samples 0.6 to 2.0).``"""
    reading, difference = change.reading, change.difference
    over = "interval over test samples"
    if not difference.excludes_zero:
        words = reading.change(difference).replace("interval", over)
        return f"Preview: no change in test {reading.title} that can be told from chance, {words}."
    way = "rise" if difference.estimate > 0 else "fall"
    words = reading.change(difference, sizes=True).replace("interval", over)
    return f"Preview: test {reading.title} would {way} by {words}."


def against(main: Change, loss: Change) -> str:
    """A sentence for a test loss that moved against the main figure, or moved where that one did not, so that the
    verdict does not hide it; "" otherwise."""
    found = loss.difference
    said = outcome(main)
    if outcome(loss) in ("unclear", said) or main.reading.name == loss.reading.name:
        return ""
    size = f" ({found.estimate:+.3f} {loss.reading.unit}, {found.low:.3f} to {found.high:.3f})"
    if said == "unclear":
        return f" Test loss {'rose' if found.estimate > 0 else 'fell'}{size}."
    why = SURER[said] if main.reading.name == "accuracy" else ""
    return f" Test loss {'rose' if found.estimate > 0 else 'fell'}, though{size}{why}."


def chosen_on_test(main: Change, chosen: int, edits: int) -> str:
    """A sentence for edits that were made from the influence on the test predictions that the verdict is judged on; ""
    for none."""
    if not chosen:
        return ""
    who = "All edits were" if chosen == edits else f"{chosen} of the {edits} edits were"
    measured = " (by about .2 points of accuracy where that was measured)" if main.reading.name == "accuracy" else ""
    return (
        f" {who} chosen by their influence on test predictions, and judged on the same ones: such a gain is seen "
        f"larger than it is{measured}. Samples that nobody looked at would be the stricter judge."
    )
