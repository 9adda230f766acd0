"""Read a folder of pictures: class folders, split folders with class folders, or metadata.csv with file_name and
label."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.datasets.frames import PLAIN
from attribution.datasets.metadata import from_metadata
from attribution.datasets.packed_text import ending
from attribution.datasets.picture_layout import (
    LAYOUTS,
    METADATA,
    Layout,
    has_metadata,
    has_pictures,
    is_picture,
    layout,
    passed_over,
    unwrap,
)
from attribution.datasets.pictures import SUFFIXES, PictureFiles
from attribution.datasets.readers import register
from attribution.datasets.readers.base import ROLES, Reader
from attribution.datasets.source import Source, left_out_count, listed
from attribution.datasets.splits import split_name
from attribution.datasets.stored import Files
from attribution.datasets.walk import Folder, walk
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

if TYPE_CHECKING:
    import pandas as pd


@register("folder")
class ImageFolder(Reader):
    """Pictures in class folders, in split folders, or named by a metadata.csv."""

    title = "a folder of pictures"
    summary = f"Pictures: {LAYOUTS}"
    kind = "folder"

    def sniff(self, path: Path, folder: bool) -> int:
        return int(folder)

    def read(self, config: DataConfig) -> Source:
        return read(config)

    def unused(self, path: Path) -> tuple[str, ...]:
        named = any(entry.name.lower() in METADATA for entry in path.iterdir())
        return ("text", "features") if named else ROLES


def read(config: DataConfig) -> Source:
    """The pictures of a folder, listed but not decoded.

    Layouts: ``metadata.csv`` (columns ``file_name`` and the label, a split and a group if there are any) in the folder
    or in each of its split folders; ``{train,val,test}/CLASS/*``; ``CLASS/*`` (at any depth below the class folder);
    ``CLASS/{train,val,test}/*``. A single folder around any of them is looked through. Ids are paths relative to the
    folder. Every file that was met is a sample or has a line in ``problems``. Cost: one directory walk. Raises
    ``UserError`` for a folder in none of the layouts and for an empty class folder.
    """
    root = Path(config.path).expanduser()
    tree, problems = walk(root)
    base, wrapped = unwrap(tree)
    problems += wrapped
    if not has_pictures(base):
        raise _no_pictures(root, base, problems)
    if has_metadata(base):
        samples, more = from_metadata(root, base, "", config)
    else:
        found = layout(base, base.last or root.resolve().name, config)
        problems += found.problems
        if any(has_metadata(folder) for folder, split in found.parts if split):
            samples, more = _from_split_metadata(root, found, config)
        else:
            samples, more = _from_classes(found, root.resolve().name)
    problems += more
    if samples["label"].nunique() < 2 and (not len(samples) or (not has_metadata(base) and _tables(base))):
        raise _no_pictures(root, base, problems)
    samples["source"] = samples["id"]
    names = samples["id"].tolist()
    files = PictureFiles(Files.of(root, names), names, config.max_megapixels)
    seen = len(samples) + left_out_count(problems)
    return files.source(root, samples, problems, seen)


def _from_classes(found: Layout, root: str) -> tuple["pd.DataFrame", list[dict[str, Any]]]:
    """The pictures below class folders: id, label and split."""
    import pandas as pd

    lines: list[tuple[str, str, str]] = []
    problems: list[dict[str, Any]] = []
    for folder, split in found.parts:
        if split:
            problems += passed_over(
                folder.files, f"lies beside the class folders of {folder.last}, so its class is not known"
            )
        for class_folder in folder.folders:
            names = list(class_folder.all_files())
            pictures = [name for name in names if is_picture(name)]
            problems += passed_over([name for name in names if not is_picture(name)], "")
            if not pictures and split in ("", "train"):
                raise UserError(
                    f"The class folder {class_folder.name} of {root} has no pictures.",
                    "A class without samples cannot be learned.",
                    f"Add pictures ({listed(sorted(SUFFIXES), 4)}) or remove the folder. {LAYOUTS}",
                )
            for name in pictures:
                lines.append((name, class_folder.last, _inner_split(class_folder, name) if found.inner else split))
    return pd.DataFrame(lines, columns=["id", "label", "split"]), problems


def _inner_split(class_folder: Folder, name: str) -> str:
    """The split of cat/train/1.png."""
    return split_name(name[len(class_folder.name) + 1 :].split("/")[0]) or ""


def _from_split_metadata(root: Path, found: Layout, config: DataConfig) -> tuple["pd.DataFrame", list[dict[str, Any]]]:
    """Split folders with a metadata.csv each."""
    import pandas as pd

    parts = [from_metadata(root, folder, split, config) for folder, split in found.parts]
    return pd.concat([samples for samples, _ in parts], ignore_index=True), [
        line for _, lines in parts for line in lines
    ]


def _tables(base: Folder) -> list[str]:
    return [name for name in base.all_files() if name.lower().endswith(PLAIN)]


def _no_pictures(root: Path, base: Folder, problems: list[dict[str, Any]]) -> UserError:
    """The error for a folder in none of the layouts, with what lies there instead."""
    tables = _tables(base)
    pictures = sum(map(is_picture, base.all_files()))
    what = f"{root / base.name if base.name else root} has no labelled pictures."
    if problems and not pictures and not tables:
        more = f"; {len(problems) - 1:,} more lines like this" if len(problems) > 1 else ""
        return UserError(
            what, f"What lies there was passed over: {problems[0]['where']}: {problems[0]['what']}{more}.", LAYOUTS
        )
    if pictures:
        why = (
            f"{pictures:,} picture{'s lie' if pictures > 1 else ' lies'} there, but "
            f"{'all in one folder' if base.folders else 'in no class folder'}."
        )
        do = (
            f"{tables[0]} lies beside: if it holds the labels, save it as metadata.csv, with the columns file_name "
            "and label. "
            if tables
            else ""
        )
        return UserError(what, why, do + LAYOUTS)
    if tables:
        why = (
            f"It holds {len(tables):,} table{'s' * (len(tables) > 1)} ({listed(tables, 3)}), and a folder is "
            "read as pictures."
        )
        return UserError(
            what,
            why,
            f"Name one file, such as {root / tables[0]}"
            + (
                f"; parts of one table are read by a pattern: '{root}/*{ending(Path(tables[0]))}'."
                if len(tables) > 1
                else "."
            ),
        )
    return UserError(what, "The class of a picture is the name of its folder.", LAYOUTS)
