"""The report is behind a button where one would look for it, and what the button hands out is the report."""

import pytest
import streamlit as st

from attribution import RetrainConfig
from attribution.report import page, summary


@pytest.mark.parametrize("name", ["overview", "retrain", "history"])
def test_the_button_hands_out_the_report(app, tiny_project, monkeypatch, name):
    queue = tiny_project.flags().queue(2)
    tiny_project.relabel(queue["row"].tolist(), dict(zip(queue["row"], queue["suggested"], strict=True)))
    if name == "retrain":
        tiny_project.retrain(RetrainConfig(bootstrap=50, device="cpu"))
    handed = {}
    real = st.download_button

    def button(label, data, *rest, **more):
        handed[label] = data
        return real(label, data, *rest, **more)

    monkeypatch.setattr(st, "download_button", button)
    app(name, project="digits")
    assert handed["Download the report"]() == page(tiny_project).encode()
    assert handed["Summary for a pull request"]() == summary(tiny_project).encode()
