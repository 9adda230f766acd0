"""Named selections of samples, so that a selection travels between pages and links."""

import hashlib
import json
import time
import zlib
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import UserError
from attribution.storage.database import connect, write

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike

PLAIN = 10_000  # rows written as a JSON list; more are packed, a byte or two per row


def save(path: Path, rows: "ArrayLike", version: str, name: str = "") -> str:
    """Store row numbers with the data version they were chosen on; the token is their content hash (8 hex digits)."""
    import numpy as np

    chosen = np.unique(np.asarray(rows, dtype=np.int64))
    text = json.dumps(chosen.tolist()) if len(chosen) <= PLAIN else _packed(chosen)
    token = hashlib.sha256(f"{version}{text}".encode()).hexdigest()[:8]
    with write(path) as db:
        db.execute(
            "INSERT INTO selections VALUES (?,?,?,?,?) ON CONFLICT(token) DO UPDATE SET time_s=excluded.time_s,"
            " name=CASE WHEN excluded.name='' THEN name ELSE excluded.name END",
            (token, time.time(), name, version, text),
        )
    return token


def load(path: Path, token: str) -> "tuple[np.ndarray, str]":
    """``(rows, version)`` of a token, rows ascending int64; ``UserError`` when it is unknown here."""
    with connect(path) as db:
        row = db.execute("SELECT rows, version FROM selections WHERE token = ?", (token,)).fetchone()
    if row is None:
        raise UserError(
            f"Selection {token!r} is not known in this project.",
            "The link may come from another one.",
            "Select the samples again.",
        )
    try:
        return _rows(row["rows"]), row["version"]
    except (ValueError, TypeError, IndexError, zlib.error) as error:
        raise UserError(
            f"Selection {token!r} is damaged: {error}.", "Its rows cannot be read.", "Select the samples again."
        ) from error


def named(path: Path) -> list[tuple[str, str, int]]:
    """``(token, name, count)`` of the selections that were given a name, newest first."""
    with connect(path) as db:
        rows = db.execute("SELECT token, name, rows FROM selections WHERE name != '' ORDER BY time_s DESC").fetchall()
    counted = [(row["token"], row["name"], _count(row["rows"])) for row in rows]
    return [(token, name, count) for token, name, count in counted if count is not None]


def _packed(rows: "np.ndarray") -> str:
    """``packed COUNT BASE64`` of the steps from row to row."""
    import numpy as np

    steps = np.diff(rows, prepend=0).astype("<u4")
    return f"packed {len(rows)} {b64encode(zlib.compress(steps.tobytes(), 1)).decode()}"


def _rows(text: str) -> "np.ndarray":
    import numpy as np

    if not text.startswith("packed "):
        return np.array([*json.loads(text)], dtype=np.int64)
    steps = np.frombuffer(zlib.decompress(b64decode(text.split(" ")[2])), dtype="<u4")
    return np.cumsum(steps, dtype=np.int64)


def _count(text: str) -> int | None:
    """How many rows; None for a text that cannot be read."""
    try:
        return int(text.split(" ")[1]) if text.startswith("packed ") else len(json.loads(text))
    except (ValueError, TypeError, IndexError):
        return None
