"""When to stop reviewing: what was found, what is left, what going on would find, and the measurement behind it."""

import streamlit as st

from attribution.views import budget
from pages.parts import charts, context, elsewhere, jobs, states
from pages.parts.context import Sight


def line(sight: Sight) -> None:
    """The advice in one sentence, once there is something to base it on."""
    found = sight.budget
    if found is None:
        return
    stop, words = budget.advice(found, least(), sight.face.nouns)
    if stop:
        st.info(words, icon=":material/flag:")
    else:
        st.caption(words)


def least() -> float:
    """Expected finds among the next 50 reviews under which the user wants to stop."""
    return float(st.session_state.get("stop-below", budget.LEAST))


def fold(sight: Sight) -> None:
    """The curve, the threshold, and the calibration."""
    found, calibration = sight.budget, sight.calibration
    running = jobs.panel(sight.project, ("calibration",), place="calibrate")
    fold_ = st.expander("When to stop", icon=":material/flag:", key="fold-stop", on_change="rerun")
    with fold_:
        if found is None:
            st.markdown(
                f"After ten decisions this shows how many wrong {sight.face.nouns} are left and what the next fifty "
                "reviews would find."
            )
        else:
            st.markdown(budget.advice(found, least(), sight.face.nouns)[1])
            upto = min(found.n, max(400, 2 * found.reviewed, round(1.5 * sight.flags.suspects)))
            if fold_.open:  # a figure is made when it is looked at
                curve = found.figure("queue", upto=upto, nouns=sight.face.nouns, dark=context.dark())
                charts.show(curve, "budget-curve")
            unseen = (
                f"About {budget.in_words(found.unseen)} of those left look right to every detector: no "
                "queue order finds them."
            )
            st.caption(f"{budget.basis(found, sight.face.nouns)} {unseen}")
        st.number_input(
            "Advise to stop when the next 50 reviews would find fewer than",
            min_value=0.5,
            max_value=50.0,
            value=float(budget.LEAST),
            step=0.5,
            key="stop-below",
            width=330,
        )
        if calibration is not None:
            st.markdown(states.plain(calibration.headline))
            if fold_.open:
                charts.show(calibration.figure("found", dark=context.dark()), "calibration-curve")
        elif not running and elsewhere.choice(sight, "calibrate"):
            st.markdown(
                "How the queue ranks real errors is only assumed so far. It can be measured: a few "
                f"{sight.face.nouns} are set wrong in a copy, and a model trained there."
            )
            st.button(
                "Measure the queue",
                key="calibrate",
                icon=":material/speed:",
                on_click=jobs.submit,
                args=(sight.project, "calibration"),
            )
