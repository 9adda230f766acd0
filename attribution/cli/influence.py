"""What is said of a finished score: what it is of and in which unit, and the strongest rows of its first query."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from attribution.datasets.dataset import Dataset
    from attribution.project.project import Project
    from attribution.studies.influence.result import ScoreResult


def told(project: "Project", result: "ScoreResult", top: int) -> Iterator[str]:
    """Lines for a terminal; ``top`` rows a side."""
    from attribution.modalities import line
    from attribution.project.lookup import influence_view
    from attribution.views.costs import took

    yield f"score {result.id}: {result.n_queries} queries, estimator {result.estimator}, measure {result.measure}"
    words = (took(result.config.get("cost")), result.memory_words, result.curvature_words, result.coverage_words)
    yield from filter(None, words)
    yield unit(project, result)
    data = project.dataset.as_of(project.labels)
    rows = result.query_rows(0)
    yield f"query {asked(data, result)}"
    view = influence_view(result, 0, data.ids, project.labels.version, rows, top)
    labelled = data.task.targets.kind != "text"
    given = f"{data.task.targets.noun:<16} " if labelled else ""
    sides = ("taught it", "worked against it") if result.asked_of else ("helped", "hurt")
    wide = max(map(len, sides))
    yield f"  {'':<{wide}} {'rank':>4} {'sample':<24} {given}influence  cosine  what it is"
    for word, frame in zip(sides, (view.helpful, view.harmful), strict=True):
        for found in frame.itertuples():
            label = f"{data.word(project.labels.values[found.row]):<16} " if labelled else ""
            yield (
                f"  {word:<{wide}} {found.rank:>3}. {found.id:<24} {label}{found.influence:>+9.3g}  "
                f"{found.cosine:+.3f}  {line(data, found.row)}"
            )
    yield from kept(result, top, max(len(view.helpful), len(view.harmful)))


def unit(project: "Project", result: "ScoreResult") -> str:
    """What the numbers count, and what their sign means."""
    from attribution.estimators import estimators
    from attribution.estimators.base import unit_of

    run = next((run for run in project.runs() if run.id == result.run), None)
    by = str(run.config.get("weight_unit", "nats")) if run is not None else "nats"
    name = unit_of(str(result.config.get("unit", "")), estimators.get(result.estimator).by_rate, by)
    means = "training on the row made the behaviour likelier" if result.asked_of else "training on it lowers the loss"
    return f"Influence{f' in {name}' if name else ''}; positive: {means}."


def asked(data: "Dataset", result: "ScoreResult") -> str:
    """The first query: its name and, where it is one sample, what that is."""
    from attribution.modalities import line

    name = str(result.queries[0]["name"])
    rows = result.query_rows(0)
    return f"{name}  {line(data, rows[0])}" if len(rows) == 1 and rows[0] < len(data) else name


def kept(result: "ScoreResult", top: int, shown: int) -> Iterator[str]:
    """That fewer are shown than were asked for, because no more were kept."""
    k = int(result.config["k"])
    if top > k and shown == k:
        yield f"{k} are kept a side; --k {top} keeps more."
