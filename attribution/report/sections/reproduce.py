"""How to make all of this anew: versions, recipe, seeds, commands, and the hashes of data and code."""

from attribution.report.commands import commands
from attribution.report.html import Html, el, facts, together
from attribution.report.origin import origin
from attribution.report.sections import Section, register
from attribution.report.state import State


@register("reproduce")
class Reproduce(Section):
    """What a colleague needs."""

    title = "How to reproduce it"
    order = 110

    def body(self, state: State) -> Html | str:
        lines = "\n".join(commands(state))
        return together((facts(origin(state)), el("h3", "Commands"), el("pre", el("code", lines), tabindex="0")))
