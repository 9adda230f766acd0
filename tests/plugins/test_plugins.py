"""README's table "I want to add", row by row: a package of somebody else's, found by its entry points, works end to
end."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def install(site, name, *modules):
    """What pip leaves of a package that offers plug-ins: its modules and its metadata."""
    about = site / f"{name}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "\n".join(f"{module} = {module}" for module in modules)
    (about / "entry_points.txt").write_text(f"[datablame.plugins]\n{points}\n")


def python(site, home, *arguments):
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{site}", "DATABLAME_HOME": str(home)}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False, timeout=240
    )


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """What came of one plug-in of every kind."""
    folder = tmp_path_factory.mktemp("plugins")
    site = folder / "site"
    install(site, "pack", "pack", "pack_torch", "pack_waves")
    for name in ("pack.py", "pack_torch.py", "pack_waves.py"):
        shutil.copy(HERE / name, site / name)
    done = python(site, folder / "home", str(HERE / "tried.py"), str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_reader(tried):
    assert tried["reader"] == [120, ["down", "up"]]


def test_a_kind_of_data(tried):
    found = tried["modality"]
    assert found["line"] == "90 waves of 8 heights, in 2 classes"
    assert found["choices"] == ["auto", "logistic", "mlp", "own"]
    assert found["shape"] == [8]
    assert found["finite"]
    assert found["alt"].startswith("Wave wave-")
    assert found["attackable"]  # they are numbers
    assert found["shift"]


def test_a_layer_rule_and_a_network(tried):
    name, difference = tried["layer rule"]
    assert name == "stretch"
    assert difference < 1e-5


def test_an_estimator_with_a_setting_of_its_own(tried):
    ratio, options, asked = tried["estimator"]
    assert ratio == pytest.approx(3.0, rel=1e-4)
    assert options == {"scale": 3.0}
    assert asked == [{"scale": 3.0}]
    assert tried["flag"]


def test_a_source_of_networks(tried):
    assert tried["source"] == ["plain:8", 2 * 8 + 8 + 8 * 2 + 2]


def test_a_measure(tried):
    assert tried["measure"] == pytest.approx(2.0, rel=1e-4)


def test_a_runner(tried):
    assert tried["runner"] == "backwards"


def test_a_detector(tried):
    assert tried["detector"]


def test_an_exporter(tried):
    assert tried["exporter"][0] == "label,count"
    assert sum(int(line.split(",")[1]) for line in tried["exporter"][1:]) == 120


def test_a_section_of_the_report(tried):
    assert '<section id="counted"' in tried["section"]
    assert "120 &lt;samples&gt;" in tried["section"]


def test_a_study(tried):
    assert tried["study"] == [1.0, True]


def test_a_task(tried):
    assert tried["task"] == ["absolute", True]


def test_what_is_installed_is_listed_and_imported_only_when_plug_ins_are_asked_for(tried):
    assert tried["listed"] == ["scaled-ip", "far-out", "doubled", "pairs", "counts"]
    assert tried["before"] == []


def test_a_package_that_cannot_be_imported_is_named(tmp_path):
    install(tmp_path / "site", "broken-pack", "broken_pack")
    (tmp_path / "site" / "broken_pack.py").write_text("import nothing_of_that_name\n")
    done = python(tmp_path / "site", tmp_path, "-m", "attribution", "status", "--plugins")
    assert done.returncode == 2
    assert "broken-pack" in done.stderr
    assert "Update or uninstall" in done.stderr
    twice = """
from attribution.detectors import detectors
from attribution.errors import UserError
for _ in range(2):
    try:
        detectors.names()
    except UserError as error:
        print(error.do)
"""
    said = python(tmp_path / "site", tmp_path, "-c", twice).stdout
    assert said.count("uninstall broken-pack") == 2  # asked again, it is said again


def test_two_plug_ins_of_one_name_are_both_named(tmp_path):
    install(tmp_path / "site", "twin", "twin")
    (tmp_path / "site" / "twin.py").write_text(
        "from attribution.estimators import register\nfrom attribution.estimators.ip import GradientDotProduct\n"
        "@register('ip')\nclass Twin(GradientDotProduct):\n    pass\n"
    )
    done = python(tmp_path / "site", tmp_path, "-m", "attribution", "status", "--plugins")
    assert done.returncode == 2
    assert "attribution.estimators.ip" in done.stderr
    assert "twin" in done.stderr


def test_a_folder_of_data_is_no_place_for_code(tmp_path):
    """Metadata beside the data or in a project's folder are nobody's installed package."""
    install(tmp_path / "data", "sly", "sly")
    (tmp_path / "data" / "sly.py").write_text("raise SystemExit('ran')\n")
    (tmp_path / "data" / "table.csv").write_text("a,label\n" + "\n".join(f"{n},{n % 2}" for n in range(40)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "DATABLAME_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "attribution", "new", "x", "--path", str(tmp_path / "data" / "table.csv")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=240)
    assert done.returncode == 0, done.stderr


ROWS = re.findall(r"^\| (an? [^|]+?) \|", (ROOT / "README.md").read_text(), re.M)
TESTS = {
    "an estimator or a measure": "test_an_estimator_with_a_setting_of_its_own test_a_measure",
    "a detector": "test_a_detector",
    "a study, a new kind of work": "test_a_study",
    "a task": "test_a_task",
    "a reader of data": "test_a_reader",
    "a kind of data": "test_a_kind_of_data",
    "an exporter": "test_an_exporter",
    "a section of the report": "test_a_section_of_the_report",
    "a network, or a layer type with its own exact rule": "test_a_layer_rule_and_a_network",
    "a source of networks by name, as of a library of yours": "test_a_source_of_networks",
    "a place to compute": "test_a_runner",
}
BY_HAND = {"a page", "a figure", "a setting"}


def test_every_row_of_the_readme_is_tried_here():
    assert set(ROWS) == set(TESTS) | BY_HAND
    for names in TESTS.values():
        for name in names.split():
            assert name in globals()
