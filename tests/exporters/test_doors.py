"""What came through any door leaves through every exporter that says it can, and comes back with the same labels."""

import io
import json
import sqlite3
import tarfile
from contextlib import closing

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from attribution.exporters import exporters
from attribution.exporters.base import export, made, usual
from attribution.project import home
from attribution.project.project import Project
from attribution.settings.configs import DataConfig

N = 24
FRAME = pd.DataFrame({"age": np.arange(N) * 1.5, "job": ["cook", "nurse", "judge"] * 8, "label": [*"aab", *"bba"] * 4})


def png(value):
    stream = io.BytesIO()
    Image.fromarray(np.full((6, 5), value, dtype=np.uint8)).save(stream, format="PNG")
    return stream.getvalue()


def pictures_in_parquet(folder):
    column = pa.array([{"bytes": png(i), "path": None} for i in range(N)])
    parquet.write_table(pa.table({"image": column, "label": FRAME["label"].tolist()}), folder / "t.parquet")
    return folder / "t.parquet"


def tar(folder):
    with tarfile.open(folder / "t.tar", "w") as out:
        for i, label in enumerate(FRAME["label"]):
            for name, data in ((f"{i}.png", png(i)), (f"{i}.cls", label.encode())):
                member = tarfile.TarInfo(name)
                member.size = len(data)
                out.addfile(member, io.BytesIO(data))
    return folder / "t.tar"


def kaggle(folder):
    (folder / "train").mkdir()
    for i in range(N):
        (folder / "train" / f"{i}.png").write_bytes(png(i))
    pd.DataFrame({"image": [f"{i}.png" for i in range(N)], "label": FRAME["label"]}).to_csv(folder / "train.csv")
    return folder


def database(folder):
    with closing(sqlite3.connect(folder / "d.db")) as out:
        FRAME.to_sql("people", out, index=False)
    return f"sqlite:{folder}/d.db?sql=SELECT * FROM people"


def document(folder):
    (folder / "t.json").write_text(json.dumps(FRAME.to_dict("records")))
    return folder / "t.json"


def packed(folder):
    FRAME.to_csv(folder / "t.csv.gz", index=False)
    return folder / "t.csv.gz"


def pattern(folder):
    for place in range(2):
        FRAME.iloc[place * 12 : place * 12 + 12].to_csv(folder / f"part-{place}.csv", index=False)
    return folder / "part-*.csv"


@pytest.mark.parametrize("door", [pictures_in_parquet, tar, kaggle, database, document, packed, pattern])
def test_whatever_came_in_leaves(tmp_path, door):
    (tmp_path / "in").mkdir()
    config = DataConfig(path=str(door(tmp_path / "in")), reference="reference")
    project = Project.open(home.without_model(tmp_path / "project", config))
    project.relabel([0], project.dataset.info.classes[1 - int(project.dataset.labels[0])])
    for name in exporters.names():
        if not made(name).missing(project):
            export(project, name, tmp_path / "out" / f"{name}{made(name).formats[0]}")
    name, suffix = usual(project)
    assert export(project, name, tmp_path / f"usual{suffix}").exists()
