"""What data would take in memory, known before it is read, and the limit that a setting raises."""

from pathlib import Path

from attribution.errors import UserError

PER_ROW = 200  # bytes that a sample's id, label, split, source and hash take as Python text, at least


def check_memory(path: Path, rows: int, columns: int, content_bytes: int, max_gigabytes: float) -> None:
    """``UserError`` where ``rows`` of ``columns`` values and their content would take more than ``max_gigabytes`` (0:
    no limit)."""
    needed = (rows * (PER_ROW + 8 * columns) + content_bytes) / 1e9
    if max_gigabytes and needed > max_gigabytes:
        raise UserError(
            f"{path.name} would take about {needed:,.2g} GB of memory ({rows:,} rows, {columns:,} columns)."
            if needed < 100
            else f"{path.name} would take about {needed:,.0f} GB of memory ({rows:,} rows, {columns:,} columns).",
            f"The limit is {max_gigabytes:g} GB.",
            "Give a part of it, or raise the limit with --max-gigabytes (max_gigabytes in Python) if this machine "
            "has the memory.",
        )
