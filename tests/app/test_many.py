"""The pages with more samples than they draw: points are thinned and said to be, a lasso takes them all, tables come in
pages."""

import numpy as np

from attribution.views import thinning
from pages.parts import context, lasso, listing

EVERYWHERE = [[-1e9, -1e9], [1e9, -1e9], [1e9, 1e9], [-1e9, 1e9]]


def test_the_map_draws_some_and_a_lasso_takes_all(app, words, tiny_project, monkeypatch):
    monkeypatch.setattr(thinning, "LIMIT", 60)
    monkeypatch.setattr(thinning, "WHOLE", 0)
    monkeypatch.setattr(thinning, "SIDE", 4)
    put = {}
    monkeypatch.setattr(lasso.context, "put", lambda **values: put.update(values))
    test = app("map", project="digits", method="pca")
    n = len(tiny_project.dataset)
    assert f"of {n:,} samples, thinned evenly" in words(test)
    sight = context.Sight(tiny_project)
    lasso.drawn(sight, EVERYWHERE, tiny_project.map(method="pca").coordinates, np.arange(n))
    assert len(tiny_project.selection(put["selection"])[0]) == n


def test_the_table_of_samples_comes_in_pages_and_in_the_order_chosen(app, words, tiny_project, monkeypatch):
    monkeypatch.setattr(listing, "LINES", 20)
    n, loss = len(tiny_project.dataset), tiny_project.predictions()["loss"].to_numpy()
    test = app("map", project="digits", method="pca")
    assert f"Lines 1 to 20 of {n}" in words(test)
    assert test.dataframe[0].value["id"].tolist() == tiny_project.dataset.ids[:20].tolist()
    test.session_state[f"page-listing-{listing.listing.NATURAL}"] = 2
    test.run()
    assert f"Lines 21 to 40 of {n}" in words(test)
    test.selectbox(key="listing-by").set_value("loss").run()
    assert f"Lines 1 to 20 of {n}" in words(test)
    np.testing.assert_allclose(test.dataframe[0].value["loss"], np.sort(loss)[::-1][:20])


def test_the_table_shows_the_selection(app, words, tiny_project):
    rows = [3, 9, 200]
    test = app("map", project="digits", method="pca", selection=tiny_project.select(rows))
    assert "Lines 1 to 3 of 3" in words(test)
    assert test.dataframe[0].value["id"].tolist() == tiny_project.dataset.ids[rows].tolist()
