"""Fast hashes of rows equal the plain formula, for every kind of column, in blocks of any size."""

import hashlib

import numpy as np
import pandas as pd

from attribution.datasets import row_hashes


def plain(parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.hexdigest()[:16]


def test_rows_hash_as_each_value_written_out(monkeypatch):
    chance = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "a": chance.normal(size=50) * 10.0 ** chance.integers(-20, 20, 50),
            "b": chance.integers(-9, 9, 50),
            "c": chance.normal(size=50).astype(np.float32),
            "word": ["é" * (7 * k) for k in range(50)],  # lengths beyond 127 bytes, and more bytes than signs
            "d": [0.0, -0.0] * 25,
            "mixed": np.array([1, "1"] * 25, dtype=object),
        }
    )
    expected = [
        plain([part.encode() for part in line]) for line in zip(*(table[name].map(str) for name in table), strict=True)
    ]
    assert row_hashes.row_hashes(table) == expected
    monkeypatch.setattr(row_hashes, "BLOCK", 7)
    assert row_hashes.row_hashes(table) == expected
    assert row_hashes.content_hash(b"one", b"", b"two" * 99) == plain([b"one", b"", b"two" * 99])


def test_numbers_are_written_as_python_writes_them():
    chance = np.random.default_rng(1)
    values = chance.normal(size=20_000) * 10.0 ** chance.integers(-320, 308, 20_000)
    usual = chance.normal(size=200_000) * 10.0 ** chance.integers(-4, 11, 200_000)
    rounded = np.round(usual, 3)
    edges = np.array(
        [0.0, -0.0, 1.0, -3.0, 1e-3, 1e9, 1e16, 1e-5, 0.1 + 0.2, 5e-324, 123456789.5, np.nextafter(1e9, 0)]
    )
    for column in (
        values,
        usual,
        rounded,
        edges,
        usual.astype(np.float32),
        np.arange(-9, 9),
        np.array([2**63 - 1, -(2**63)]),
    ):
        assert row_hashes.written(column) == [str(value) for value in column.tolist()]
