"""In short: the verdict and the numbers that matter."""

from attribution.report.html import Html, el, tiles, together
from attribution.report.sections import Section, register
from attribution.report.state import State
from attribution.views.numbers import count


@register("short")
class Short(Section):
    """Whether the edits helped, how good the model is, what looks wrong, and what was decided."""

    title = "In short"
    order = 10

    def body(self, state: State) -> Html | str:
        cells = []
        if state.run is not None:
            cells += [(each["label"], each["value"], each["delta"]) for each in state.face.figures(state.test)]
        if state.flags is not None:
            title, many, beneath, _ = state.face.suspects(state.flags, state.open_ones(state.suspects))
            cells.append((title, many, beneath))
        if state.leaks is not None:
            cells.append(("Likely leaks", count(len(state.leaks.cases(state.labels.values))), "into held-out data"))
        changed = len(state.changes)
        decided = int((state.states["verdict"] != "").sum())
        cells.append(("Samples decided on", count(decided), f"{count(changed)} changed or dropped"))
        proof = state.proof
        if proof is None:
            said = "No before/after proof yet: whether the decisions help has not been measured."
            return together((el("p", said, class_="verdict open"), tiles(cells)))
        late = "" if state.proves_now(proof) else " This proof is of earlier labels: decisions came after it."
        return together((el("p", proof.verdict + late, class_=f"verdict {proof.outcome}"), tiles(cells)))
