"""The figure of a training's steps: the loss of every batch, and the spikes in it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from attribution.figures import marks, style
from attribution.tasks import USUAL, tasks
from attribution.views.numbers import three_digits

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

    from attribution.project.rewind import Rewound

MOST = 4000  # points of the line; of more steps every k-th, and all spikes


def figures_of(rewound: "Rewound") -> "dict[str, Callable[..., Figure]]":
    """The losses of the steps."""
    return {"steps": steps}


def steps(rewound: "Rewound", *, dark: bool = False) -> "Figure":
    """Loss of each step, and a marker on each spike."""
    table = rewound.steps
    unit = tasks.get(rewound.run.task.get("name", USUAL)).unit
    axis = f"loss of the batch, {unit}" if isinstance(unit, str) else "loss of the batch"
    figure = style.canvas(
        "Loss of every step", "spikes are marked", x="step", y=axis, dark=dark, height=290, legend=True
    )
    shown = table.iloc[:: max(1, -(-len(table) // MOST))]
    look = (style.UNCLEAR, "solid", "circle")
    words = [f"step {at.step}, epoch {at.epoch}: {three_digits(at.loss)}" for at in shown.itertuples()]
    marks.line(figure, shown["step"], shown["loss"].to_numpy(np.float64), "loss", look, words, mode="lines")
    found = table[table["spike"]]
    if len(found):
        told = [
            f"step {at.step}, epoch {at.epoch}: {three_digits(at.loss)}, {at.above:.0f} spreads above its neighbours"
            for at in found.itertuples()
        ]
        look = (style.SECOND, "solid", "diamond")
        marks.line(figure, found["step"], found["loss"].to_numpy(np.float64), "spike", look, told, mode="markers")
    return figure
