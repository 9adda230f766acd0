"""The folder picker sees the home and the named roots, and nothing outside of them."""

import pytest

from attribution.views import folders


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A home, a named root, and a place outside of both."""
    for name in ("home/data/cats", "scans/a", "outside/secret", "home/.hidden"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "home" / "data" / "t.csv").write_text("a,label\n")
    (tmp_path / "home" / "data" / "p.png").write_bytes(b"")
    (tmp_path / "home" / "notes.txt").write_text("")
    (tmp_path / "home" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "home" / "to-scans").symlink_to(tmp_path / "scans")
    (tmp_path / "home" / "loop").symlink_to(tmp_path / "home" / "loop")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATABLAME_ROOTS", f"Scans={tmp_path / 'scans'}:nonsense:Gone={tmp_path / 'gone'}")
    return tmp_path


def test_roots_are_the_home_and_those_named(machine):
    assert folders.roots() == {"Home": machine / "home", "Scans": machine / "scans"}


def test_a_listing_passes_over_what_is_hidden_or_leads_outside(machine):
    found = folders.listing(machine / "home")
    assert found.folders == ("data", "to-scans")
    inner = folders.listing(machine / "home" / "data")
    assert (inner.folders, inner.files, inner.pictures) == (("cats",), ("t.csv",), 1)
    assert folders.listing(machine / "home" / "to-scans").folders == ("a",)


@pytest.mark.parametrize("path", ["outside", "home/out", "home/out/secret", "home/../outside", "."])
def test_nothing_outside_is_listed(machine, path):
    assert folders.inside(machine / path) is None
    assert folders.listing(machine / path) == folders.Listing((), (), 0, False)
