"""Named selections of samples, so that a selection travels between pages and links."""

import hashlib
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.storage.database import connect, write


def save(path: Path, rows: Iterable[Any], version: str, name: str = "") -> str:
    """Store row numbers with the data version they were chosen on; the token is their content hash (8 hex digits)."""
    chosen = sorted({int(row) for row in rows})
    text = json.dumps(chosen)
    token = hashlib.sha256(f"{version}{text}".encode()).hexdigest()[:8]
    with write(path) as db:
        db.execute(
            "INSERT INTO selections VALUES (?,?,?,?,?) ON CONFLICT(token) DO UPDATE SET time_s=excluded.time_s,"
            " name=CASE WHEN excluded.name='' THEN name ELSE excluded.name END",
            (token, time.time(), name, version, text),
        )
    return token


def load(path: Path, token: str) -> tuple[list[int], str]:
    """``(rows, version)`` of a token; ``UserError`` when it is unknown here."""
    with connect(path) as db:
        row = db.execute("SELECT rows, version FROM selections WHERE token = ?", (token,)).fetchone()
    if row is None:
        raise UserError(
            f"Selection {token!r} is not known in this project.", "The link may come from another one.", "Select the samples again."
        )
    return json.loads(row["rows"]), row["version"]


def named(path: Path) -> list[tuple[str, str, int]]:
    """``(token, name, count)`` of the selections that were given a name, newest first."""
    with connect(path) as db:
        rows = db.execute("SELECT token, name, rows FROM selections WHERE name != '' ORDER BY time_s DESC").fetchall()
    return [(row["token"], row["name"], len(json.loads(row["rows"]))) for row in rows]
