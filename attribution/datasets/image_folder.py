"""Read a folder of pictures: class folders, split folders with class folders, or metadata.csv with file_name and label."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.config import DataConfig
from attribution.datasets.pictures import SUFFIXES, read_header, read_pixels
from attribution.datasets.source import Source, left_out, left_out_count, listed
from attribution.datasets.splits import split_name
from attribution.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

LAYOUTS = "Use one folder per class (cat/1.png), train, val and test folders with class folders in them, or a metadata.csv with file_name and label."


def read(config: DataConfig) -> Source:
    """The pictures of a folder, listed but not decoded.

    Layouts: ``metadata.csv`` (columns ``file_name`` and the label, a split and a group if there are any) in the folder or in each of its
    split folders; ``{train,val,test}/CLASS/*``; ``CLASS/*`` (at any depth below the class folder). Ids are paths relative to the folder.
    Cost: one directory walk. Raises ``UserError`` for a folder in none of the layouts and for an empty class folder.
    """
    import pandas as pd

    root = Path(config.path).expanduser()
    split_folders = {folder: split for folder in _folders(root) if (split := split_name(folder.name))}
    if "train" not in split_folders.values():
        split_folders = {}
    problems: list[dict[str, Any]] = []
    if (root / "metadata.csv").is_file():
        samples = _from_metadata(root, root, "", config)
    elif split_folders and any((folder / "metadata.csv").is_file() for folder in split_folders):
        samples = pd.concat(
            [_from_metadata(root, folder, split, config) for folder, split in split_folders.items() if _has_metadata(folder)],
            ignore_index=True,
        )
    else:
        lines: list[tuple[str, str, str]] = []
        for folder, split in (split_folders or {root: ""}).items():
            lines += _from_classes(root, folder, split, problems)
        samples = pd.DataFrame(lines, columns=["id", "label", "split"])
    if not len(samples):
        raise UserError(f"{root} has no labelled pictures.", "The class of a picture is the name of its folder.", LAYOUTS)
    samples["source"] = samples["id"]
    files = [root / name for name in samples["id"]]
    seen = len(samples) + left_out_count(problems)
    return Source("image", root, samples, (), problems, lambda i: read_header(files[i]), lambda i: read_pixels(files[i]), seen)


def _folders(root: Path) -> list[Path]:
    return sorted(Path(entry.path) for entry in os.scandir(root) if entry.is_dir() and not entry.name.startswith("."))


def _has_metadata(folder: Path) -> bool:
    if not (folder / "metadata.csv").is_file():
        raise UserError(
            f"{folder} has no metadata.csv, but another split folder has.", "Its pictures have no labels.", "Add the file to each split."
        )
    return True


def _from_classes(root: Path, folder: Path, split: str, problems: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    lines: list[tuple[str, str, str]] = []
    for class_folder in _folders(folder):
        before = len(lines)
        for place, _, names in sorted(os.walk(class_folder)):
            for name in sorted(names):
                relative = (Path(place) / name).relative_to(root).as_posix()
                if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                    lines.append((relative, class_folder.name, split))
                elif not name.startswith(".") and name != "Thumbs.db":
                    problems.append(left_out(relative, f"not a picture ({Path(name).suffix or 'no suffix'})"))
        if len(lines) == before and split in ("", "train"):
            raise UserError(
                f"The class folder {class_folder.relative_to(root).as_posix()} of {root.name} has no pictures.",
                "A class without samples cannot be learned.",
                f"Add pictures ({listed(sorted(SUFFIXES), 4)}) or remove the folder. {LAYOUTS}",
            )
    return lines


def _from_metadata(root: Path, folder: Path, split: str, config: DataConfig) -> "pd.DataFrame":
    import pandas as pd

    from attribution.datasets.table import column, given_splits, read_frame

    path = folder / "metadata.csv"
    frame = read_frame(path, (config.label, config.group, "file_name", config.split, "split"))
    place = folder.relative_to(root)
    names = [(place / name).as_posix() for name in column(frame, "file_name", path, "names the picture files")]
    samples = pd.DataFrame({"id": names, "label": column(frame, config.label, path, "holds the labels")})
    if split:
        samples["split"] = split
    else:
        given = given_splits(frame, config, path)
        parts = [split_name(Path(name).parts[0]) or "" for name in names]
        samples["split"] = parts if not given.any() and all(parts) and "train" in parts else given
    if config.group:
        samples["group"] = column(frame, config.group, path, "holds the groups")
    return samples
