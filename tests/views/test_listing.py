"""The table of samples: its order against Python's own sort, and the lines of a page."""

import numpy as np

from attribution.views import listing, tables
from attribution.views.faces import face_of


def test_order_and_filter_equal_a_sort_of_the_rows():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 20, 300) / 4
    values[rng.choice(300, 40, replace=False)] = np.nan
    ordered = listing.order(values)
    known = [row for row in range(300) if np.isfinite(values[row])]
    assert ordered.tolist() == sorted(known, key=lambda row: (-values[row], row)) + [
        row for row in range(300) if np.isnan(values[row])
    ]
    rows = np.flatnonzero(rng.random(300) < 0.3)
    assert listing.among(ordered, rows).tolist() == [row for row in ordered.tolist() if row in set(rows.tolist())]
    pages = [
        tables.page_of(listing.among(ordered, rows), page, 7) for page in range(1, tables.page_count(len(rows), 7) + 1)
    ]
    assert np.concatenate(pages).tolist() == listing.among(ordered, rows).tolist()


def test_the_lines_of_a_page_say_what_is_known_of_each_sample(tiny_project):
    dataset, said = tiny_project.dataset, tiny_project.predictions()
    face = face_of(dataset)
    rows = np.array([dataset.rows("test")[0], 3, dataset.rows("train")[-1]])
    tiny_project.drop([3])
    try:
        found = listing.lines(rows, dataset, tiny_project.labels, said, None, face)
        assert found["id"].tolist() == [dataset.ids[row] for row in rows]
        assert found["split"].tolist() == ["test", "training", "training"]
        assert found["label"][1] == f"{dataset.info.classes[dataset.labels[3]]}, dropped"
        assert found["loss"].tolist() == said["loss"].iloc[rows].tolist()
        assert "suspicion" not in found
        doubt = np.linspace(0, 1, len(dataset))
        assert (
            listing.lines(rows, dataset, tiny_project.labels, said, doubt, face)["suspicion"].tolist()
            == doubt[rows].tolist()
        )
    finally:
        tiny_project.undo()
