"""ZIPs from strangers: what is written stays inside its own folder, within the limits, whole or not at all."""

import io
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image

from attribution.datasets import unpack as unpacking
from attribution.datasets.load import preview
from attribution.datasets.unpack import unpack
from attribution.errors import UserError
from attribution.settings.configs import DataConfig


def png(value):
    stream = io.BytesIO()
    Image.fromarray(np.full((6, 6), value, dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def packed(path, entries):
    """A ZIP of ``{name or ZipInfo: bytes}``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def pets(**more):
    return {f"{name}/{i}.png": png(8 * i) for name in ("cat", "dog") for i in range(10)} | more


def test_class_folders_are_unpacked_and_read(tmp_path):
    entries = {f"pets/{name}": content for name, content in pets().items()} | {
        "__MACOSX/._x": b"",
        "pets/notes.txt": b"x",
    }
    folder = unpack(packed(tmp_path / "pets.zip", entries), tmp_path / "out")
    assert folder == tmp_path / "out" / "pets"
    assert sorted(path.name for path in folder.iterdir()) == ["cat", "dog"]
    assert preview(DataConfig(path=str(folder)))["n"] == 20
    assert unpack(tmp_path / "gone.zip", tmp_path / "out") == folder  # once is enough


def test_a_single_table_is_the_data(tmp_path):
    archive = packed(tmp_path / "t.zip", {"deep/er/t.csv": b"a,label\n1,x\n"})
    assert unpack(archive, tmp_path / "out") == tmp_path / "out" / "deep" / "er" / "t.csv"


@pytest.mark.parametrize("name", ["../evil.png", "/etc/evil.png", "cat/../../evil.png", "..\\evil.png", "C:\\evil.png"])
def test_a_place_outside_is_refused(tmp_path, name):
    archive = packed(tmp_path / "evil.zip", pets(**{name: png(1)}))
    with pytest.raises(UserError, match="called"):
        unpack(archive, tmp_path / "in" / "out")
    assert not list(tmp_path.rglob("evil.png"))
    assert not list((tmp_path / "in").iterdir())


def test_links_and_hidden_files_are_passed_over(tmp_path):
    link = zipfile.ZipInfo("cat/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    archive = packed(tmp_path / "l.zip", {**pets(), link: b"/etc/passwd", "cat/.hidden.png": png(1)})
    folder = unpack(archive, tmp_path / "out")
    assert not (folder / "cat" / "link.png").exists()
    assert len(list(folder.rglob("*.png"))) == 20


def test_a_bomb_is_stopped_while_it_grows(tmp_path):
    archive = packed(tmp_path / "bomb.zip", {**pets(), "cat/bomb.png": b"\0" * 30_000_000})
    assert archive.stat().st_size < 100_000
    with pytest.raises(UserError, match="more than"):
        unpack(archive, tmp_path / "out", limit=1_000_000)
    assert not (tmp_path / "out").exists()


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "FILES", 10)
    with pytest.raises(UserError, match="20 files"):
        unpack(packed(tmp_path / "many.zip", pets()), tmp_path / "out")


def test_what_is_no_zip_or_is_damaged_is_said(tmp_path):
    (tmp_path / "no.zip").write_bytes(b"not a zip")
    whole = packed(tmp_path / "whole.zip", pets()).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    damaged = bytearray(whole)
    damaged[60:90] = bytes(30)
    (tmp_path / "damaged.zip").write_bytes(damaged)
    for name in ("no.zip", "cut.zip", "damaged.zip"):
        with pytest.raises(UserError, match="cannot be unpacked"):
            unpack(tmp_path / name, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_of_something_else_is_said(tmp_path):
    with pytest.raises(UserError, match="holds no pictures"):
        unpack(packed(tmp_path / "n.zip", {"readme.txt": b"hello"}), tmp_path / "out")
