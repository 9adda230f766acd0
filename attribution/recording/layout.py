"""The folder of a recording: which files there are. ``record.json`` is written last and is the truth; no torch."""

from pathlib import Path
from typing import Any

from attribution.errors import UserError
from attribution.storage.files import read_json
from attribution.storage.tables import read_table

NAME = "record.json"
IDS = "ids.parquet"
FORMAT = 1


def is_recording(folder: str | Path) -> bool:
    """Whether a folder holds a recording."""
    return (Path(folder).expanduser() / NAME).is_file()


def epoch_file(folder: Path, epoch: int) -> Path:
    """One line per sample: row (place among the ids), epoch, loss, margin, prediction, confidence (or error),
    target."""
    return folder / "epochs" / f"epoch-{epoch:03d}.parquet"


def order_file(folder: Path, epoch: int) -> Path:
    """The order of batches: step, row."""
    return folder / "epochs" / f"order-{epoch:03d}.parquet"


def weights_file(folder: Path, epoch: int) -> Path:
    """All parameters and buffers after an epoch."""
    return folder / "checkpoints" / f"epoch-{epoch:03d}.safetensors"


def read(folder: Path) -> dict[str, Any]:
    """What ``record.json`` says; ``UserError`` where there is none, or a newer one."""
    if not is_recording(folder):
        raise UserError(
            f"There is no recording in {folder}.",
            f"Its {NAME} is missing: it is written after the first epoch.",
            "Name the folder that attribution.record was given.",
        )
    found: dict[str, Any] = read_json(folder / NAME)
    if found.get("format") != FORMAT:
        raise UserError(
            f"{folder / NAME} has format {found.get('format')}; this Datablame knows {FORMAT}.",
            "A newer version made it.",
            "Update Datablame.",
        )
    return found


def ids_of(folder: Path) -> list[str]:
    """The ids, by place."""
    return [str(one) for one in read_table(folder / IDS)["id"]]


def begun(folder: Path, resume: bool) -> dict[str, Any]:
    """The state that a recorder begins with: of a new recording, or of the one that is there where it is to go on."""
    if is_recording(folder):
        if resume:
            return read(folder)
        raise UserError(
            f"{folder} holds a recording already.",
            "Its epochs would be mixed with those of another training.",
            "Name another folder, or go on with it: resume=True.",
        )
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{folder} is a file.", "A recording is a folder.", "Name another.")
    return {"format": FORMAT, "epochs": []}
