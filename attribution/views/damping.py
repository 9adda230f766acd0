"""A damping sweep for people: the chart of agreement and LDS over the ratios, and what it says in a sentence."""

import pandas as pd

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
        f"ranking is much the same as at the usual {three_digits(usual)} (rank correlation at least {STEADY:g})."
    )
    if sweep["lds"].notna().any():
        best = sweep.loc[sweep["lds"].idxmax()]
        own = sweep.loc[sweep["usual"]].iloc[0]
        words += (
            f" Retrained on {subsets} random subsets, the models follow it best at "
            f"{three_digits(float(best['ratio']))}: linear datamodeling score {best['lds']:.2f} ({best['lds_low']:.2f} "
            f"to {best['lds_high']:.2f}), at the usual ratio {own['lds']:.2f}. A ratio picked this way is picked on "
            "these models; do not expect as much on others."
        )
    else:
        words += " Which ratio is right, only retraining can tell: make models on random subsets first."
    return words
