"""Which folders of a picture folder are splits and which are classes: decided by what they hold, and said wherever it
is not plain."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from attribution.datasets.pictures import SUFFIXES
from attribution.datasets.source import listed, note
from attribution.datasets.splits import split_meanings, split_name
from attribution.datasets.walk import Folder, in_few_lines
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

LAYOUTS = (
    "Use one folder per class (cat/1.png), train, val and test folders with class folders in them, or a "
    "metadata.csv (or .jsonl) with file_name and label."
)
METADATA = ("metadata.csv", "metadata.jsonl", "metadata.parquet")  # where several lie there, the first is read
OTHER_FORMATS = re.compile(
    r"\.(avif|hei[cf]|jfif|jp2|j2k|jxl|tga|psd|svg|ico|exr|hdr|dcm|nii|raw|dng|cr[23]|nef|arw|eps|pcx|xbm|pbm|pnm)",
    re.IGNORECASE,
)


@dataclass
class Layout:
    """The folders that hold class folders (or a metadata.csv), with the split of each ("" where there are none); files
    that are not taken are in ``problems`` already. ``inner`` says that class folders hold split folders:
    cat/train/1.png."""

    parts: list[tuple[Folder, str]]
    problems: list[dict[str, Any]] = field(default_factory=list)
    inner: bool = False


def is_picture(name: str) -> bool:
    """Whether a file has the suffix of a picture that is read."""
    return PurePosixPath(name).suffix.lower() in SUFFIXES


def has_pictures(folder: Folder) -> bool:
    """Whether a picture lies anywhere below."""
    return any(is_picture(name) for name in folder.all_files())


def has_metadata(folder: Folder) -> bool:
    """Whether the folder has a metadata file of its own."""
    return bool(metadata_name(folder))


def metadata_name(folder: Folder) -> str:
    """The folder's metadata.csv (or .jsonl, .parquet), in capital letters or not, relative to the folder that was
    named; "" if there is none."""
    for wanted in METADATA:
        found = [name for name in folder.files if name.rpartition("/")[2].lower() == wanted]
        if found:
            return found[-1]  # small letters come last: metadata.csv itself, if both are there
    return ""


def unwrap(tree: Folder) -> tuple[Folder, list[dict[str, Any]]]:
    """The folder that holds the classes, the splits or the metadata.csv: one level down, or more, where a folder holds
    one folder only."""
    folder = tree
    problems = []
    while len(folder.folders) == 1 and not has_metadata(folder):
        inner = folder.folders[0]
        if not _structured(inner) or _split_of(inner):
            break
        problems += passed_over(folder.files, f"lies beside the only folder, {inner.name}, which was read")
        folder = inner
    if folder is not tree:
        problems.append(note(folder.name, "the only folder there is: what lies in it was read as the data"))
    return folder, problems


def layout(base: Folder, root: str, config: DataConfig) -> Layout:
    """Splits or classes, for a folder without a metadata.csv of its own; ``root`` is its name for messages.

    A folder with the name of a split is one if it holds class folders (or a metadata.csv); with pictures in it, it is a
    class like those beside it. ``UserError`` where folders look like splits and cannot be read as such.
    """
    plain = [folder for folder in base.folders if not _split_of(folder) and has_pictures(folder)]
    named = [folder for folder in base.folders if _split_of(folder)]
    splits = [folder for folder in named if _structured(folder)]
    if len(named) == 1 and _flat(named[0]) and any(map(_flat, plain)):
        splits = []  # a class with folders inside, as the classes beside it may have
    flat = [folder for folder in named if folder not in splits and has_pictures(folder)]
    roles = {_split_of(folder) for folder in splits}
    if "train" in roles:
        alone = all(_split_of(folder) == "train" for folder in named)
        if alone and (len(plain) > 1 or any(_structured(folder) for folder in plain)):
            raise _half_a_split(splits, plain, root)
        return _splits(base, splits, flat, config)
    if splits:
        raise _no_training_split(splits, plain, root)
    words = {_split_of(folder) for folder in flat}
    if ("train" in words and not plain) or (len(words) > 1 and ("train" in words or not plain)):
        raise _splits_without_classes(flat, root)
    return _classes(base, flat, plain, root)


def passed_over(names: Iterable[str], why: str) -> list[dict[str, Any]]:
    """Lines for files that are not taken: pictures for the reason ``why``, the others because they are none."""
    reasons: dict[str, list[str]] = {}
    for name in names:
        reasons.setdefault(why if is_picture(name) else no_picture(name), []).append(name)
    return [line for what, files in reasons.items() for line in in_few_lines(files, what)]


def no_picture(name: str) -> str:
    """Why a file without a picture's suffix is not read."""
    suffix = PurePosixPath(name).suffix
    if OTHER_FORMATS.fullmatch(suffix):
        return f"pictures of this format ({suffix}) are not read; save it as PNG or JPEG"
    return f"not a picture ({suffix or 'no suffix'})"


def _splits(base: Folder, splits: list[Folder], flat: list[Folder], config: DataConfig) -> Layout:
    """Split folders with class folders (or a metadata.csv) in them, and lines about what lies beside them."""
    meant = split_meanings(folder.last.rstrip("0123456789") for folder in splits)
    roles = {folder.name: str(meant[folder.last.rstrip("0123456789")] or _split_of(folder)) for folder in splits}
    with_metadata = [folder for folder in splits if has_metadata(folder)]
    without = [folder for folder in (*splits, *flat) if not has_metadata(folder)]
    if with_metadata and without:
        table = metadata_name(with_metadata[0]).rpartition("/")[2]
        raise UserError(
            f"{_names(without)} ha{'ve' if len(without) > 1 else 's'} no {table}, but {_names(with_metadata)} has.",
            "Without it their pictures have no labels.",
            "Add the file to each split.",
        )
    problems = _beside_splits(base, [*splits, *flat])
    for folder in flat:
        problems += _flat_split(folder, set(roles.values()), config)
    said = [f"{folder.last} as {roles[folder.name]}" for folder in splits if folder.last != roles[folder.name]]
    problems += [note("split folders", f"read by their names: {listed(said)}")] if said else []
    return Layout([(folder, roles[folder.name]) for folder in splits], problems)


def _beside_splits(base: Folder, taken: list[Folder]) -> list[dict[str, Any]]:
    """Lines about what lies beside split folders, those without class folders in ``taken`` as well."""
    others = [folder for folder in base.folders if folder not in taken]
    problems = [
        note(folder.name, f"has the name of a {_split_of(folder)} split and holds no pictures")
        for folder in others
        if _split_of(folder) and not has_pictures(folder)
    ]
    problems += passed_over(base.files, "lies beside the split folders, in no class")
    for folder in others:
        problems += passed_over(folder.all_files(), f"{folder.last} is no train, val or test folder")
    return problems


def _flat_split(folder: Folder, roles: set[str], config: DataConfig) -> list[dict[str, Any]]:
    """Lines about a folder with a split's name and no class folders, beside others that have the splits ``roles``."""
    problems = passed_over(folder.all_files(), f"{folder.last} holds no class folders, so its class is not known")
    role = str(_split_of(folder))
    if role in roles:
        return problems
    drawn = (config.test_fraction if role == "test" else config.val_fraction) > 0
    instead = f"the {role} split is drawn from the training pictures instead" if drawn else f"there is no {role} split"
    return [*problems, note(folder.name, f"looks like the {role} split but holds no class folders: {instead}")]


def _classes(base: Folder, flat: list[Folder], plain: list[Folder], root: str) -> Layout:
    """Class folders, each perhaps with split folders in it, and lines about what else they might have been."""
    found = Layout([(base, "")], passed_over(base.files, "lies beside the class folders, so its class is not known"))
    for folder in flat:
        others = listed([one.last for one in plain], 3)
        as_others = f" as {others} do{'es' * (len(plain) == 1)}" if others else ""
        what = f"taken as a class, since it holds pictures{as_others}, not class folders"
        found.problems.append(note(folder.name, f"{what}; if it is a split, put class folders in it"))
    classes = [folder for folder in base.folders if has_pictures(folder)]
    inner = [{sub.last for sub in folder.folders if has_pictures(sub)} for folder in classes]
    names = sorted(set[str]().union(*inner))
    roles = {split_name(name) for name in names}
    if all(inner) and "train" in roles and None not in roles and not any(map(_flat, base.folders)):
        found.inner = True
        said = [f"{name} as {split_name(name)}" for name in names]
        found.problems.append(note("split folders", f"every class folder holds them: {listed(said)}"))
    elif roles - {None}:
        parts = [
            f"{folder.last}/{sub.last}" for folder in base.folders for sub in folder.folders if split_name(sub.last)
        ]
        what = "not read as a split: only part of the class folders' content lies in such folders"
        found.problems.append(note(listed(parts, 4), what))
    elif len(inner) > 1:
        found.problems += _held_by_all([folder.last for folder in classes], sorted(set.intersection(*inner)), root)
    return found


def _held_by_all(tops: list[str], shared: list[str], root: str) -> list[dict[str, Any]]:
    """A line about folders that every class folder holds; ``UserError`` where the outer ones look like splits."""
    if not shared:
        return []
    if len(shared) > 1 and any(map(_begins_like_a_split, tops)):
        raise UserError(
            f"The folders {listed(tops, 6)} of {root} all hold {listed(shared, 4)}: they look like splits, but their "
            "names are not known.",
            "Taken for classes, the model would learn to tell the splits apart.",
            "Call them train, val and test.",
        )
    verb = "are" if len(shared) > 1 else "is"
    what = f"taken as the classes; each of them holds {listed(shared, 4)}, which {verb} not looked at"
    return [note(listed(tops, 6), what)]


def _no_training_split(splits: list[Folder], plain: list[Folder], root: str) -> UserError:
    return UserError(
        f"{_names(splits)} of {root} {_look(splits)} like {_split_words(splits)}, but no folder holds the training "
        "pictures.",
        f"Beside {'them' if len(splits) > 1 else 'it'} there are: {_names(plain) or 'no other folders with pictures'}.",
        "Call the folder with the training pictures train and put class folders in it.",
    )


def _splits_without_classes(flat: list[Folder], root: str) -> UserError:
    return UserError(
        f"{_names(flat)} of {root} {_look(flat)} like {_split_words(flat)}, but hold{'s' * (len(flat) == 1)} "
        "pictures without class folders.",
        "Taken for classes, the model would learn to tell the splits apart.",
        f"Put class folders in them (train/cat/1.png), or add a metadata.csv with file_name and label to {root}.",
    )


def _half_a_split(splits: list[Folder], plain: list[Folder], root: str) -> UserError:
    inside = listed([folder.last for folder in splits[0].folders if has_pictures(folder)], 4)
    return UserError(
        f"{splits[0].last} in {root} holds folders ({inside}), as a split does, but beside it lie {_names(plain)}, "
        "which are no splits.",
        "It cannot be told whether it is the training split or a class.",
        f"If it is the training split, name {root}/{splits[0].last} as the data, or move the others away."
        " If it is a class, rename it, or put its pictures directly into it.",
    )


def _split_of(folder: Folder) -> str | None:
    """The split that a folder's name stands for; numbers at its end (train2017) do not matter."""
    return split_name(folder.last) or split_name(folder.last.rstrip("0123456789"))


def _begins_like_a_split(name: str) -> bool:
    return name.lower().startswith(("train", "val", "test", "dev", "eval", "holdout"))


def _structured(folder: Folder) -> bool:
    return has_metadata(folder) or any(has_pictures(sub) for sub in folder.folders)


def _flat(folder: Folder) -> bool:
    return any(is_picture(name) for name in folder.files)


def _names(folders: list[Folder]) -> str:
    return listed([folder.last for folder in folders], 6)


def _look(folders: list[Folder]) -> str:
    return "look" if len(folders) > 1 else "looks"


def _split_words(folders: list[Folder]) -> str:
    return "splits" if len(folders) > 1 else "a split"
