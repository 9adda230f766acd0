"""A damping sweep for people: the chart of agreement and LDS over the ratios, and what it says in a sentence."""

from typing import Any

import pandas as pd

from attribution.views.colours import HARMFUL, HELPFUL
from attribution.views.numbers import three_digits

STEADY = 0.9  # agreement above which a ranking counts as the same


def sentence(sweep: pd.DataFrame, subsets: int) -> str:
    """What the sweep says: between which ratios the ranking hardly changes, and where the LDS is highest if it was
    measured."""
    usual = float(sweep.loc[sweep["usual"], "ratio"].iloc[0])
    place = int(sweep["usual"].to_numpy().argmax())
    steady = (sweep["agreement"] >= STEADY).to_numpy()
    breaks = (~steady).nonzero()[0]  # the plateau reaches from the usual ratio to the next break on each side
    same = sweep["ratio"].iloc[
        max(breaks[breaks < place], default=-1) + 1 : min(breaks[breaks > place], default=len(sweep))
    ]
    words = (
        f"Between damping ratios of {three_digits(float(same.min()))} and {three_digits(float(same.max()))} the "
        "ranking is much the same "
        f"as at the usual {three_digits(usual)} (rank correlation at least {STEADY:g})."
    )
    if sweep["lds"].notna().any():
        best = sweep.loc[sweep["lds"].idxmax()]
        own = sweep.loc[sweep["usual"]].iloc[0]
        words += (
            f" Retrained on {subsets} random subsets, the models follow it best at "
            f"{three_digits(float(best['ratio']))}: linear datamodeling"
            f" score {best['lds']:.2f} ({best['lds_low']:.2f} to {best['lds_high']:.2f}), at the usual ratio "
            f"{own['lds']:.2f}."
            " A ratio picked this way is picked on these models; do not expect as much on others."
        )
    else:
        words += " Which ratio is right, only retraining can tell: make models on random subsets first."
    return words


def spec(sweep: pd.DataFrame, dark: bool = False) -> dict[str, Any]:
    """A Vega-Lite chart: both figures (-1 to 1) over the ratio (logarithmic), with 95 % bands and a line at the usual
    ratio."""
    parts = [
        sweep[["ratio", "agreement", "low", "high"]]
        .rename(columns={"agreement": "value"})
        .assign(figure="agreement with the usual ratio"),
        sweep[["ratio", "lds", "lds_low", "lds_high"]]
        .rename(columns={"lds": "value", "lds_low": "low", "lds_high": "high"})
        .assign(figure="linear datamodeling score"),
    ]
    table = pd.concat(parts, ignore_index=True).dropna(subset=["value"])
    quiet = "#9AA0A6" if dark else "#6B6F76"
    x = {
        "field": "ratio",
        "type": "quantitative",
        "scale": {"type": "log"},
        "title": "damping ratio (mean eigenvalues of the curvature)",
        "axis": {"values": sorted(sweep["ratio"].tolist()), "format": "~g"},
    }
    colour = {
        "field": "figure",
        "type": "nominal",
        "title": None,
        "scale": {"domain": table["figure"].unique().tolist(), "range": [HELPFUL, HARMFUL]},
        "legend": {"orient": "top", "labelLimit": 400, "symbolOpacity": 1},
    }
    y = {"field": "value", "type": "quantitative", "title": "rank correlation", "scale": {"domainMax": 1}}
    numbers = [{"field": name, "type": "quantitative", "format": ".3g"} for name in ("ratio", "value", "low", "high")]
    tooltip = [{"field": "figure", "type": "nominal"}, *numbers]
    usual = float(sweep.loc[sweep["usual"], "ratio"].iloc[0])
    return {
        "data": {"values": table.to_dict("records")},
        "layer": [
            {
                "data": {"values": [{"ratio": usual, "name": "usual"}]},
                "layer": [
                    {"mark": {"type": "rule", "strokeDash": [4, 4], "color": quiet}, "encoding": {"x": x}},
                    {
                        "mark": {"type": "text", "dx": 4, "dy": 4, "align": "left", "baseline": "top", "color": quiet},
                        "encoding": {"x": x, "y": {"value": 0}, "text": {"field": "name"}},
                    },
                ],
            },
            {
                "mark": {"type": "area", "opacity": 0.18},
                "encoding": {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "mark": {"type": "line", "point": True},
                "encoding": {"x": x, "y": y, "color": colour, "tooltip": tooltip},
            },
        ],
    }
