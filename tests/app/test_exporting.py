"""The panel of what leaves the project: everything that there is, what is missing and why, and where it goes."""

import pandas as pd
import pytest

from attribution.exporters import exporters
from attribution.exporters.base import content, grouped, usual


def opened(app, press, page="history"):
    test = app(page, project="digits")
    press(test, "export-open-")
    return test


def test_every_exporter_is_in_the_panel_with_what_is_in_it(app, press, tiny_project):
    test = opened(app, press)
    seen = []
    for group, kinds in grouped():
        test.segmented_control(key="export-group").set_value(group).run()
        assert not test.exception
        choice = test.radio(key=f"export-what-{group}")
        assert choice.options == [kind.title for kind in kinds]
        seen += [kind.name for kind in kinds]
    assert sorted(seen) == exporters.names()


@pytest.mark.parametrize("page", ["overview", "history"])
def test_it_is_on_the_pages_where_work_ends(app, press, page, tiny_project):
    assert opened(app, press, page).radio(key="export-what-Your data").value == usual(tiny_project)[0]


def test_what_cannot_be_written_says_why_and_offers_no_button(app, press, words, tiny_project):
    test = opened(app, press)
    names = {button.key for button in test.button}
    assert "export-write" in names
    test.radio(key="export-what-Your data").set_value("moves").run()
    assert not test.exception
    assert "export-write" not in {button.key for button in test.button}


def test_it_is_written_into_the_projects_folder(app, press, words, tiny_project):
    test = opened(app, press)
    test.segmented_control(key="export-group").set_value("What was decided").run()
    test.radio(key="export-what-What was decided").set_value("ledger").run()
    test.segmented_control(key="export-format-ledger").set_value("Parquet").run()
    press(test, "export-write")
    (path,) = (tiny_project.folder / "exports").iterdir()
    assert path.suffix == ".parquet"
    assert str(path) in [code.value for code in test.code]
    assert len(pd.read_parquet(path)) == tiny_project.edit_count()


def test_a_setting_changes_what_is_written(app, press, tiny_project):
    test = opened(app, press)
    test.radio(key="export-what-Your data").set_value("dataset").run()
    test.checkbox(key="export-dataset-datablame_columns").uncheck().run()
    press(test, "export-write")
    (path,) = (tiny_project.folder / "exports").iterdir()
    assert "datablame_given" not in pd.read_csv(path)


def test_the_usual_way_out_is_the_layout_that_came_in(tiny_project):
    name, suffix = usual(tiny_project)
    assert content(tiny_project, name, suffix)
    assert name in ("npz", "folders", "dataset")
