"""Picture files: depth, what is opened at all, sizes, and what is said of them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from attribution.datasets.load import import_data, preview
from attribution.datasets.pictures import read_header, read_pixels, target_size
from attribution.datasets.source import Unreadable
from attribution.errors import UserError
from attribution.settings.configs import DataConfig
from attribution.views.importing import sizes_sentence, summary_line


def png16(values):
    """A 16-bit PNG of (h, w, c) values: grey, grey with alpha, colour, colour with alpha."""
    height, width, channels = values.shape

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def save(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def load(root, tmp_path, **config):
    return import_data(
        DataConfig(path=str(root), val_fraction=0.0, test_fraction=0.0, **config), tmp_path / "out" / "data", "x"
    )


def pixels_of(dataset, name):
    return np.asarray(dataset.inputs[dataset.rows_of([name])[0]])


@pytest.mark.parametrize(
    ("dtype", "suffix", "factor", "offset"),
    [
        (np.uint16, "png", 1, 0),  # 16 bits that hold 8
        (np.uint16, "tif", 16, 0),  # 12 bits
        (np.uint16, "png", 1, 30_000),  # far from zero
        (np.int32, "tif", 100_000, -5_000_000),
        (np.float32, "tif", 1 / 200, 0),
        (np.float32, "tif", 1e-3, -7),
        (np.uint16, "pgm", 200, 0),
    ],
)
def test_deep_pictures_are_scaled_by_the_range_that_the_data_set_uses(tmp_path, dtype, suffix, factor, offset):
    chance = np.random.default_rng(0)
    parts = {"cat/0": chance.integers(0, 101, (6, 5)), "dog/0": chance.integers(100, 201, (6, 5))}
    parts["cat/0"][0, 0], parts["dog/0"][0, 0] = 0, 200
    for name, values in parts.items():
        save(tmp_path / "in" / f"{name}.{suffix}", (values * factor + offset).astype(dtype))
    dataset = load(tmp_path / "in", tmp_path)
    assert dataset.info.shape == (1, 6, 5)
    for name, values in parts.items():
        # One scale for both pictures.
        assert np.abs(pixels_of(dataset, f"{name}.{suffix}")[:, :, 0] - values * 255 / 200).max() <= 0.51
    (said,) = dataset.info.problems
    assert said["kind"] == "note"
    assert said["count"] == 2
    assert "became 0 to 255" in said["what"]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_sixteen_bits_a_colour_keep_both_bytes(tmp_path, channels):
    values = np.random.default_rng(0).integers(0, 256, (6, 5, channels))
    values[0, 0], values[0, 1] = 0, 255
    if channels in (2, 4):
        values[:, :, -1] = 65535
    paths = [tmp_path / "in" / name / "0.png" for name in ("cat", "dog")]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_bytes(png16(values))
    colours = values[:, :, : 1 if channels == 2 else 3]
    assert read_header(paths[0]) == colours.shape
    assert (read_pixels(paths[0]) == colours).all()
    assert (pixels_of(load(tmp_path / "in", tmp_path), "dog/0.png") == colours).all()


def test_what_is_transparent_in_a_deep_picture_is_white(tmp_path):
    values = np.full((2, 2, 4), 300)
    values[0, :, 3] = 65535
    values[0, 0, :3] = 100
    (tmp_path / "a.png").write_bytes(png16(values))
    pixels = read_pixels(tmp_path / "a.png")
    assert pixels[:, :, 0].tolist() == [[0, 255], [255, 255]]


def test_a_few_values_far_off_are_said(tmp_path):
    values = np.random.default_rng(0).integers(0, 200, (64, 64)).astype(np.uint16)
    for name in ("cat", "dog"):
        save(tmp_path / "in" / name / "0.png", values)
    values[3, 3] = 65535
    save(tmp_path / "in" / "cat" / "hot.png", values)
    said = [line["what"] for line in load(tmp_path / "in", tmp_path).info.problems]
    assert any("under a tenth of the range" in what and "cat/hot.png" in what for what in said)


def test_deep_pictures_beside_plain_ones(tmp_path):
    save(tmp_path / "in" / "cat" / "0.png", np.full((4, 4), 70, np.uint8))
    save(tmp_path / "in" / "dog" / "0.png", np.arange(16, dtype=np.uint16).reshape(4, 4))
    save(tmp_path / "in" / "dog" / "nan.tif", np.full((4, 4), np.nan, np.float32))
    dataset = load(tmp_path / "in", tmp_path)
    assert (pixels_of(dataset, "cat/0.png") == 70).all()
    assert pixels_of(dataset, "dog/0.png").ravel().tolist() == [17 * i for i in range(16)]
    assert ("dog/nan.tif", "left out") in {(line["where"], line["kind"]) for line in dataset.info.problems}


@pytest.mark.parametrize("turn", range(1, 9))
def test_deep_pictures_are_turned_upright_as_others_are(tmp_path, turn):
    values = np.arange(6, dtype=np.uint8).reshape(2, 3) * 51
    found = []
    for name, kind in (("plain", np.uint8), ("deep", np.uint16)):
        image = Image.fromarray(values.astype(kind))
        exif = image.getexif()
        exif[0x0112] = turn
        image.save(tmp_path / f"{name}.tif", exif=exif)
        found.append(read_pixels(tmp_path / f"{name}.tif"))
        assert read_header(tmp_path / f"{name}.tif") == found[-1].shape
    assert (found[0] == found[1]).all()


def test_only_documented_formats_are_opened_whatever_the_suffix(tmp_path):
    picture = Image.new("RGB", (4, 4), "red")
    for name, form in (("eps", "EPS"), ("tga", "TGA"), ("ico", "ICO"), ("pcx", "PCX")):
        stream = io.BytesIO()
        picture.save(stream, form)
        (tmp_path / f"{name}.png").write_bytes(stream.getvalue())
        with pytest.raises(Unreadable, match="not a picture that can be read"):
            read_pixels(tmp_path / f"{name}.png")
    picture.save(tmp_path / "a.webp")
    (tmp_path / "a.webp").rename(tmp_path / "webp.png")
    assert read_pixels(tmp_path / "webp.png").shape == (4, 4, 3)


def test_a_pipe_or_a_device_is_not_waited_for(tmp_path):
    import os

    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", "/dev/zero"):
        with pytest.raises(Unreadable, match="no regular file"):
            read_header(path)


def test_pictures_beyond_the_limit_are_left_out_unopened(tmp_path):
    for name in ("cat", "dog"):
        save(tmp_path / "in" / name / "0.png", np.full((4, 4), 70, np.uint8))
    Image.new("1", (2000, 1000)).save(tmp_path / "in" / "cat" / "large.png")
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + head + struct.pack(">I", zlib.crc32(b"IHDR" + head))
    (tmp_path / "in" / "dog" / "bomb.png").write_bytes(
        bomb + struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    )
    dataset = load(tmp_path / "in", tmp_path, max_megapixels=1)
    told = {line["where"]: line["what"] for line in dataset.info.problems}
    assert (
        told["cat/large.png"] == "has 2,000 x 1,000 pixels, 2 million; at most 1 million are decoded (max_megapixels)"
    )
    assert "at most (max_megapixels)" in told["dog/bomb.png"]
    assert len(dataset) == 2


def test_sizes_are_those_of_the_files_and_stretching_is_said(tmp_path):
    for name in ("cat", "dog"):
        for i, size in enumerate(((35, 64), (35, 64), (120, 60), (70, 128))):
            save(tmp_path / "in" / name / f"{i}.png", np.full(size, 7, np.uint8))
    (tmp_path / "in" / "cat" / "bad.png").write_bytes(b"x")
    found = preview(DataConfig(path=str(tmp_path / "in")))
    assert found["shape"] == (1, 35, 64)
    assert (
        summary_line(found) == "8 pictures of 60 to 128 × 35 to 120 pixels (the model sees 64 × 35), grey, in 2 classes"
    )
    (line,) = [line for line in load(tmp_path / "in", tmp_path).info.problems if line["kind"] == "note"]
    assert line["what"] == (
        "brought from 60 to 128 × 35 to 120 pixels to 64 × 35; 2 of 8 are stretched, since their sides have "
        "another ratio"
    )
    assert line["count"] == 4
    assert sizes_sentence([line]) == f"Pictures were {line['what']}."
    assert sizes_sentence([]) == ""


@pytest.mark.parametrize("size", [-3, 200_000])
def test_absurd_sizes_are_refused(tmp_path, size):
    with pytest.raises(UserError):
        DataConfig(path=str(tmp_path), image_size=size)
    with pytest.raises(UserError, match="side in pixels"):
        target_size([(4, 4)], size)
