"""New project with a model from elsewhere: what it is handed, what is expected of it, and what is said when it does
worse."""

import numpy as np
import pytest
import torch
from torch import nn

from attribution import Project


@pytest.fixture
def brought(tmp_path, digits):
    """Code and weights that know the digits as pixels in 0..1, and their accuracy on the test split in percent."""
    with np.load(digits[0]) as data:
        x, y = torch.tensor(data["X_test"]).float()[:, None] / 255, torch.tensor(data["y_test"])
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    torch.save(model.state_dict(), tmp_path / "w.pt")
    (tmp_path / "net.py").write_text(
        "from torch import nn\ndef make(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 10))\n"
    )
    with torch.no_grad():
        return tmp_path, 100 * float((model(x).argmax(1) == y).float().mean())


def filled(app, digits, folder):
    test = app("new_project")
    test.text_input(key="path").set_value(str(digits[0])).run()
    test.selectbox(key="network").set_value("own").run()
    test.text_input(key="own-model").set_value(f"{folder / 'net.py'}:make").run()
    test.text_area(key="weights").set_value(str(folder / "w.pt")).run()
    test.checkbox(key="trust").set_value(True).run()
    return test


def test_a_model_does_as_well_as_where_it_was_trained_and_a_drop_is_said(app, words, brought, digits, monkeypatch):
    monkeypatch.setattr(Project, "submit", lambda self, *_: None)
    folder, accuracy = brought
    test = filled(app, digits, folder)
    assert test.selectbox(key="inputs").value == "auto"
    test.number_input(key="expect-accuracy").set_value(100.0).run()
    test.text_input(key="project-name").set_value("brought").run()
    test.button(key="create").click().run()
    assert not test.error
    look = Project.open("brought").first_look
    assert look["measured"]["accuracy"] == pytest.approx(accuracy / 100)
    shown = words(app("overview", project="brought"))
    assert f"{accuracy:.1f} % of 120 test samples right" in shown
    assert "you expect 100.0 %" in shown


def test_settings_that_cannot_be_are_said_beside_the_form(app, brought, digits):
    test = filled(app, digits, brought[0])
    test.text_input(key="own-mean").set_value("a, b").run()
    assert any("list of numbers" in error.value for error in test.error)
    assert test.button(key="create").disabled
    test.text_input(key="own-mean").set_value("0.1, 0.2").run()
    test.button(key="create").click().run()
    assert any("mean has 2 numbers" in error.value for error in test.error)


@pytest.fixture
def tiny_source():
    """A source of networks like those of libraries, with nothing to install."""
    from attribution.models.sources import sources
    from attribution.models.sources.base import Source

    sources.names()

    @sources.register("tiny")
    class Tiny(Source):
        title = "A tiny network"
        summary = "tiny:NAME, any name."
        example = "tiny:linear"
        kinds = ("image",)

        def build(self, rest, wanted):
            size = int(np.prod(wanted.info.shape))
            return nn.Sequential(nn.Flatten(), nn.Linear(size, wanted.outputs, bias=wanted.arguments["bias"]))

    yield
    sources._items.pop("tiny")


def test_a_network_of_a_source_is_chosen_by_name_and_arguments(app, words, digits, tiny_source, monkeypatch):
    monkeypatch.setattr(Project, "submit", lambda self, *_: None)
    test = app("new_project")
    test.text_input(key="path").set_value(str(digits[0])).run()
    assert "A tiny network" in test.selectbox(key="network").options
    assert "A Hugging Face folder" in test.selectbox(key="network").options
    test.selectbox(key="network").set_value("tiny").run()
    assert not test.error  # nothing is wrong yet: nothing was named
    assert test.button(key="create").disabled
    test.text_input(key="network-tiny").set_value("linear").run()
    test.text_input(key="arguments").set_value("bias=false").run()
    test.text_input(key="project-name").set_value("from-source").run()
    test.button(key="create").click().run()
    assert not test.error
    made = Project.open("from-source")
    assert (made.model_config.name, made.model_config.arguments) == ("tiny:linear", ("bias=false",))
    assert made.first_look["parameters"] == 640


def test_preprocessing_is_filled_in_as_numbers(app, brought, digits, monkeypatch):
    monkeypatch.setattr(Project, "submit", lambda self, *_: None)
    test = filled(app, digits, brought[0])
    test.selectbox(key="transform-kind").set_value("steps").run()
    test.text_input(key="steps-mean").set_value("0.5, 0.5").run()
    assert any("one for each of three channels" in one.value for one in (*test.error, *test.markdown))
    test.text_input(key="steps-mean").set_value("0").run()
    test.text_input(key="steps-size").set_value("8").run()
    test.text_input(key="train-transform").set_value("size=8,pad=1,random_crop=8,mean=0").run()
    test.text_input(key="project-name").set_value("steps").run()
    test.button(key="create").click().run()
    assert not test.error
    model = Project.open("steps").model_config
    assert (model.transform, model.shape) == ("size=8,mean=0", (1, 8, 8))
    assert model.train_transform == "size=8,pad=1,random_crop=8,mean=0"
    assert Project.open("steps").first_look["measured"]["accuracy"] == pytest.approx(brought[1] / 100)


def test_code_of_a_transform_is_asked_about(app, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(Project, "submit", lambda self, *_: None)
    (tmp_path / "seen.py").write_text(
        "import numpy as np\nimport torch\n\n"
        "def seen(picture):\n    return torch.from_numpy(np.asarray(picture, dtype=np.float32))[None] / 255\n"
    )
    test = app("new_project")
    test.text_input(key="path").set_value(str(digits[0])).run()
    test.selectbox(key="transform-kind").set_value("own").run()
    test.text_input(key="transform-own").set_value(f"{tmp_path / 'seen.py'}:seen").run()
    test.checkbox(key="trust-transform").set_value(True).run()
    test.text_input(key="project-name").set_value("code").run()
    test.button(key="create").click().run()
    assert not test.error
    assert Project.open("code").model_config.shape == (1, 8, 8)
