"""Pictures leave in the user's own layout: moved to their labels, never out of the folder, never over another."""

import subprocess
import zipfile

import numpy as np
import pandas as pd
import pytest
from exported import archive_project, picture_project
from PIL import Image

from attribution import Project
from attribution.datasets.load import import_data
from attribution.errors import UserError
from attribution.exporters import _names
from attribution.settings.configs import DataConfig


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_class_folders_hold_the_pictures_where_their_labels_say(tmp_path):
    project, source = picture_project(tmp_path)
    ids = project.dataset.ids
    out = project.export("folders", tmp_path / "out")
    moved = pd.read_csv(out / "datablame.csv").set_index("id").loc[ids[0]]
    assert moved["file"] == "train/shoes/00-boots.png"  # 00.png is there already
    assert (out / moved["file"]).read_bytes() == (source / ids[0]).read_bytes()
    assert moved[["given", "verdict"]].tolist() == ["boots", "relabel"]
    assert not (out / ids[1]).exists()
    assert len(files(out)) == len(ids)  # one dropped, one list
    again = import_data(DataConfig(path=str(out)), tmp_path / "again", "again")
    labels = dict(zip(again.hashes, again.task.targets.words(again.labels), strict=True))
    now = project.dataset.task.targets.words(project.labels.values)
    assert labels == {
        content: word for row, (content, word) in enumerate(zip(project.dataset.hashes, now, strict=True)) if row != 1
    }
    assert again.split_of(int(np.flatnonzero(again.hashes == project.dataset.hashes[0])[0])) in ("train", "val")


def test_hard_links_take_no_room_and_an_archive_holds_the_same_files(tmp_path):
    project, source = picture_project(tmp_path)
    out = project.export("folders", tmp_path / "out", files="link")
    assert (out / project.dataset.ids[2]).stat().st_ino == (source / project.dataset.ids[2]).stat().st_ino
    packed = project.export("folders", tmp_path / "out.zip")
    with zipfile.ZipFile(packed) as archive:
        assert sorted(archive.namelist()) == files(out)
        assert archive.testzip() is None
    assert project.export("folders", tmp_path / "b.zip").read_bytes() == packed.read_bytes()


def test_a_folder_appears_whole_or_not_at_all(tmp_path):
    project, source = picture_project(tmp_path)
    (source / project.dataset.ids[5]).unlink()
    for name in ("out", "out.zip"):
        with pytest.raises(UserError, match="not there any more"):
            project.export("folders", tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "photos"]
    with pytest.raises(UserError, match="there already"):
        project.export("folders", tmp_path / "home")


def test_a_metadata_table_is_written_anew_and_its_pictures_stay(tmp_path):
    project, source = picture_project(tmp_path)
    names = [str(name) for name in project.dataset.ids]
    lines = {
        "file_name": names,
        "kind": [name.split("/")[1] for name in names],
        "split": [name.split("/")[0] for name in names],
    }
    pd.DataFrame(lines).to_csv(source / "metadata.csv", index=False)
    other = Project.create(tmp_path / "home" / "named", DataConfig(path=str(source), label="kind"))
    row = int(other.dataset.row_of("train/boots/03.png"))
    other.relabel([row], "shoes")
    out = other.export("folders", tmp_path / "out")
    table = pd.read_csv(out / "metadata.csv").set_index("file_name")
    assert table.loc["train/boots/03.png", "kind"] == "shoes"
    assert len(table) == len(names)
    with pytest.raises(UserError, match="no picture moves"):
        other.export("moves", tmp_path / "moves.csv")


def test_pictures_of_an_archive_become_files_and_no_class_leads_out_of_the_folder(tmp_path):
    project, arrays = archive_project(tmp_path)
    out = project.export("folders", tmp_path / "deep" / "out")
    names = files(out)
    assert "train/___coat/train-00000.png" in names
    assert "train/bag/train-00002.png" in names
    assert len(names) == 60  # one dropped, one list
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["out"]
    assert (np.asarray(Image.open(out / "train/___coat/train-00000.png")) == arrays["X_train"][0]).all()


def test_an_archive_has_the_same_arrays_with_todays_labels(tmp_path):
    project, before = archive_project(tmp_path)
    with np.load(project.export("npz", tmp_path / "out.npz"), allow_pickle=False) as archive:
        after = dict(archive)
    assert set(after) == {*before, "datablame_index_train", "datablame_index_test"}
    kept = np.delete(np.arange(40), 1)
    assert (after["datablame_index_train"] == kept).all()
    assert (after["X_train"] == before["X_train"][kept]).all()
    wanted = before["y_train"].copy()
    wanted[0] = 1
    assert after["y_train"].dtype == before["y_train"].dtype
    assert (after["y_train"] == wanted[kept]).all()
    assert after["y_test"][0] == 1
    assert (after["weights"] == before["weights"]).all()
    again = import_data(DataConfig(path=str(tmp_path / "out.npz")), tmp_path / "again", "again")
    assert again.info.counts["train"] + again.info.counts["val"] == 39


def test_the_list_of_moves_does_what_was_decided(tmp_path):
    project, source = picture_project(tmp_path, names=("boots", "-rf $(touch x); 'q'", "shoes"))
    table = pd.read_csv(project.export("moves", tmp_path / "moves.csv")).set_index("source")
    ids = project.dataset.ids
    assert set(table.index) == {ids[0], ids[1]}
    script = project.export("moves", tmp_path / "moves.sh")
    done = subprocess.run(["sh", str(script), str(source)], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert not (source / "x").exists()
    assert not (tmp_path / "x").exists()
    assert (source / table.loc[ids[0], "target"]).is_file()
    assert (tmp_path / "photos-dropped" / ids[1]).is_file()
    twice = subprocess.run(["sh", str(script), str(source)], capture_output=True, text=True, check=False)
    assert twice.returncode != 0


@pytest.mark.parametrize(
    "word", ["..", "../../etc", "/etc/passwd", "a\0b", "C:\\x", "con", "-rf", "", " . ", "x" * 400, "é" * 300]
)
def test_any_word_is_one_harmless_part_of_a_path(tmp_path, word):
    name = _names.part(word)
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\\\0:")
    assert not name.startswith("-")
    assert len(name.encode()) <= 190
    (tmp_path / name).mkdir()
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()


def test_words_that_would_be_one_name_are_told_apart():
    found = _names.parts(["a/b", "a:b", "A_B", "cafe\u0301", "caf\u00e9"])
    assert len({name.casefold() for name in found.values()}) == 5


def test_the_size_is_said_before_anything_is_written(tmp_path):
    from attribution.exporters.base import made

    project, source = picture_project(tmp_path)
    said = made("folders").size(project)
    really = sum(path.stat().st_size for path in source.rglob("*.png"))
    assert 0.8 * really < said < 1.2 * really
    archive, _ = archive_project(tmp_path)
    assert made("npz").size(archive) == (tmp_path / "wear.npz").stat().st_size
