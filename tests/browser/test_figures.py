"""Figures as a browser draws them, on a phone and on a desk: no word is cut off, no two ticks lie on each other."""

from functools import partial

import finished
import numpy as np
import pandas as pd
import pytest

from attribution.figures import angles, bench, classes, fairness, influence, regression, retrain, training
from attribution.tasks.targets import Classes

pytestmark = pytest.mark.browser
# Texts that reach beyond their figure, and ticks of one axis that lie on each other.
FAULTS = """() => [...document.querySelectorAll('.js-plotly-plot')].flatMap((plot) => {
    const box = plot.getBoundingClientRect(), name = plot.closest('[data-name]').dataset.name;
    const inside = (at) => at.left > box.left - 1 && at.right < box.right + 1
        && at.top > box.top - 1 && at.bottom < box.bottom + 1;
    const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
    const place = (text) => text.getBoundingClientRect();
    const texts = [...plot.querySelectorAll(".main-svg text")].filter((text) => place(text).width);
    const cut = texts.filter((text) => !inside(place(text)));
    const clash = [...plot.querySelectorAll('.xaxislayer-above, .yaxislayer-above')].filter((axis) => {
        const ticks = [...axis.querySelectorAll('.xtick text, .ytick text')].map(place);
        return ticks.some((a, k) => ticks.some((b, j) => j > k && meet(a, b)));
    });
    const words = cut.map((text) => `${name}: cut off: ${text.textContent}`);
    return [...words, ...clash.map((axis) => `${name}: on each other: ${axis.textContent}`)];
})"""
LONG = ["a class with quite a long name", "Trouser", "Ankle boot", "<b>bold</b>"]


def said(n=400, k=4):
    rng = np.random.default_rng(0)
    label = rng.integers(0, k, n)
    return pd.DataFrame({"label": label, "prediction": np.where(rng.random(n) < 0.8, label, rng.integers(0, k, n))})


def numbers(n=400):
    rng = np.random.default_rng(0)
    label = rng.gamma(3, 4000, n)
    return pd.DataFrame({"label": label, "prediction": label + rng.normal(0, 900, n)})


def everything(folder):
    """``(name, draw(dark))`` of each family, from results made by hand."""
    proof, measured, swept = finished.proof(), finished.bench(folder / "bench"), finished.fairness(folder)
    turned = np.array([[10.0, 80, 95, 120], [88, 91, 89, 93]])
    own = np.array([True, True, False, False])
    groups = {angles.views.OWN: own, angles.views.OTHER: ~own}
    names = ["features.conv_block.0.downsample (Conv2d), 12.3 %", "head (Linear), 87.7 %"]
    curve = pd.DataFrame({"epoch": range(1, 41), "split": "val", "accuracy": np.linspace(0.1, 0.987, 40)})
    removal = pd.DataFrame({"estimator": ["ip", "ekfac", "random"] * 2, "k": [10] * 3 + [200] * 3, "change": 0.1})
    removal = removal.assign(low=0.05, high=0.2)
    small = pd.DataFrame({"row": [1, 2], "predicted": [1e-4, 2e-4], "actual": [0, 1e-4]})
    return {
        "intervals": partial(proof.figure, "intervals"),
        "seeds": partial(proof.figure, "seeds"),
        "fidelity": partial(measured.figure, "fidelity"),
        "agreement": partial(measured.figure, "agreement"),
        "removal": partial(bench.curves, removal, bench.views.titles()),
        "rates": partial(fairness.rates, finished.judged(), "eop", "granted a loan"),
        "eop": partial(swept.figure, "eop"),
        "layers": partial(angles.multiples, turned, names, groups, "Angles layer by layer", "Angles of four samples"),
        "distribution": partial(influence.histogram, np.array([1, 40, 9000, 20]), (-2e-5, 3e-5), [1e-5]),
        "curve": partial(training.curve, curve, "accuracy", "accuracy, %", factor=100),
        "recognised": partial(classes.recognised, said(), Classes(LONG)),
        "confusion": partial(classes.confusion, said(), LONG),
        "predicted": partial(regression.predicted, numbers(), "EUR"),
        "residuals": partial(regression.residuals, numbers(), "EUR"),
        "by_band": partial(regression.by_band, numbers(), "EUR"),
        "paired": partial(retrain.paired, small, "previewed change of loss"),
    }


@pytest.mark.parametrize(("width", "dark"), [(330, True), (330, False), (900, False)])
def test_no_word_is_cut_off_and_no_ticks_collide(browser, tmp_path, width, dark):
    from plotly.offline import get_plotlyjs

    parts = [
        f'<div data-name="{name}" style="width:{width}px">'
        + draw(dark=dark).to_html(full_html=False, include_plotlyjs=False, config={"responsive": True})
        + "</div>"
        for name, draw in everything(tmp_path).items()
    ]
    path = tmp_path / "figures.html"
    path.write_text(f"<meta charset=utf-8><script>{get_plotlyjs()}</script>{''.join(parts)}", encoding="utf-8")
    page = browser.new_page(viewport={"width": max(width + 40, 390), "height": 900})
    page.goto(path.as_uri())
    page.wait_for_function(f"document.querySelectorAll('.js-plotly-plot .main-svg').length >= {2 * len(parts)}")
    page.wait_for_timeout(1000)
    assert page.evaluate(FAULTS) == []
    page.close()
