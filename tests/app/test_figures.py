"""Figures on pages: none is made, and Plotly not imported, before somebody looks at one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READING = """
import sys
from attribution import Project
project = Project.open("digits")
flags, run = project.flags(), project.run
flags.order, run.metrics(), project.map(), run.figures
assert not [name for name in sys.modules if name.partition(".")[0] in ("plotly", "torch")]
print(len(run.figure("accuracy").data), "plotly" in sys.modules, "torch" in sys.modules)
"""
# Streamlit itself imports Plotly's outside for its theme; the class that figures are made of comes with the first one.
OPENING = """
import sys
from streamlit.testing.v1 import AppTest
for page in ("overview", "review", "map", "history", "leaks", "new_project"):
    test = AppTest.from_file("app.py", default_timeout=60)
    test.query_params["project"] = "digits"
    test.run()
    if page != "overview":
        test.switch_page(f"pages/{page}.py").run()
    assert not test.exception, test.exception[0].stack_trace
    assert "plotly.graph_objs._figure" not in sys.modules, page
import plotly.graph_objects
plotly.graph_objects.Figure
print("plotly.graph_objs._figure" in sys.modules)
"""


@pytest.mark.parametrize(("script", "said"), [(READING, "3 True False"), (OPENING, "True")], ids=["reading", "opening"])
def test_nothing_imports_plotly_before_the_first_figure(tiny_project, script, said):
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split("\n")[-2] == said


@pytest.mark.parametrize(
    ("fold", "titles"),
    [
        ("fold-curve", ["How training went"]),
        ("fold-said", ["How often each class is recognised", "What each class is taken for, %"]),
    ],
)
def test_an_opened_fold_draws_its_figures(app, tiny_project, fold, titles):
    test = app("overview", project="digits")
    assert not test.get("plotly_chart")
    test.session_state[fold] = True
    test.run()
    assert not test.exception
    charts = [chart.proto for chart in test.get("plotly_chart")]
    assert [title for title in titles if any(title in chart.spec for chart in charts)] == titles
    assert all(chart.alt and chart.theme == "" for chart in charts)


def test_the_review_s_curve_is_drawn_when_its_fold_is_open(app, tiny_project):
    tiny_project.drop(tiny_project.flags().queue(10)["row"].tolist(), reason="wrong")
    test = app("review", project="digits")
    assert not test.get("plotly_chart")
    test.session_state["fold-stop"] = True
    test.run()
    assert not test.exception
    (chart,) = (chart.proto for chart in test.get("plotly_chart"))
    assert "Wrong labels along the queue" in chart.spec
    assert chart.alt.startswith("Wrong labels over the first ")
