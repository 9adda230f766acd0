"""Walk a folder that the user named: what is never data is passed over, and nothing outside of it is reached."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from attribution.datasets.source import left_out, note

# what desktops, archivers, storage boxes and notebooks leave behind, in small letters; whatever starts with a dot is
# hidden
NEVER_DATA = frozenset(
    {
        "__macosx",
        "@eadir",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "__pycache__",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "icon\r",
    }
)
DEEPEST = 64  # folders within folders
EACH = 100  # files of one kind that are named one by one; the rest of them in one line


@dataclass
class Folder:
    """A folder as found: ``name`` relative to the one that was named ("" itself), sub-folders and regular files in
    order of their names."""

    name: str
    folders: list["Folder"] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The last part of the name."""
        return self.name.rpartition("/")[2]

    def all_files(self) -> Iterator[str]:
        """Every file below, relative to the folder that was named, in order of the names."""
        yield from self.files
        for folder in self.folders:
            yield from folder.all_files()


@dataclass
class _Walk:
    root: str  # without links
    problems: list[dict[str, Any]] = field(default_factory=list)
    never: list[str] = field(default_factory=list)  # names of what is never data
    never_files: int = 0
    linked: set[str] = field(default_factory=set)


def is_never_data(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or is left behind by some program."""
    return name.startswith(".") or name.lower() in NEVER_DATA


def walk(root: Path) -> tuple[Folder, list[dict[str, Any]]]:
    """Everything below ``root`` that may be data, and lines about the rest.

    Links are followed where they stay below ``root``, each linked folder once; what leads outside, is no regular file,
    may not be listed, or has a name that is not UTF-8 is left out by name. Nothing is opened. Cost: one look at every
    entry.
    """
    found = _Walk(os.path.realpath(root))
    tree = _folder(found, str(root), "", (found.root,))
    if found.never_files:
        kinds = sorted(set(found.never))
        shown = ", ".join(kinds[:5]) + (f" and {len(kinds) - 5} more" if len(kinds) > 5 else "")
        one = found.never_files == 1
        files = f"{found.never_files:,} file{'' if one else 's'} that programs leave behind or hide ({shown})"
        what = f"{files} {'is no data and was' if one else 'are no data and were'} passed over"
        found.problems.append(note("hidden files", what, found.never_files))
    return tree, found.problems


def in_few_lines(names: list[str], what: str) -> list[dict[str, Any]]:
    """Lines for files that are left out for one reason: each by its name, beyond ``EACH`` in one line."""
    lines = [left_out(name, what) for name in names[:EACH]]
    rest = names[EACH:]
    return lines + ([left_out(f"{rest[0]} and {len(rest) - 1:,} more", what, len(rest))] if rest else [])


def _folder(found: _Walk, path: str, name: str, above: tuple[str, ...]) -> Folder:
    """List one folder; ``above`` holds the real paths of those that lead to it, itself included."""
    folder = Folder(name)
    try:
        with os.scandir(path) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as cause:
        if not name:
            raise
        found.problems.append(left_out(name, f"a folder that cannot be listed: {cause.strerror}"))
        return folder
    for entry in entries:
        if is_never_data(entry.name):
            found.never.append(_kind(entry.name))
            found.never_files += _files_below(entry)
        elif not _is_text(entry.name):
            shown = f"{name}/" * bool(name) + os.fsencode(entry.name).decode("utf-8", "backslashreplace")
            found.problems.append(left_out(shown, "its name is not UTF-8", max(1, _files_below(entry))))
        else:
            _entry(found, folder, entry, f"{name}/{entry.name}" if name else entry.name, above)
    return folder


def _entry(found: _Walk, folder: Folder, entry: "os.DirEntry[str]", name: str, above: tuple[str, ...]) -> None:
    """Take one entry into ``folder``, or say why not."""
    linked = entry.is_symlink()
    real = os.path.realpath(entry.path) if linked else ""
    if linked and not _below(real, found.root):
        what = "a link that leads out of the folder; copy what it leads to, or name a folder that holds both"
        found.problems.append(left_out(name, what))
        return
    try:
        # Known from the listing, so that a million files are not asked one by one.
        is_folder, is_file = entry.is_dir(), entry.is_file()
        there = is_folder or is_file or not linked or os.path.exists(entry.path)
    except OSError:
        there = False
    if not there:
        found.problems.append(left_out(name, "a link that leads nowhere" if linked else "cannot be looked at"))
    elif is_folder:
        _sub_folder(found, folder, entry, name, (*above, real or os.path.join(above[-1], entry.name)))
    elif is_file:
        folder.files.append(name)
    else:
        found.problems.append(left_out(name, "is no regular file (a pipe, socket or device)"))


def _sub_folder(found: _Walk, folder: Folder, entry: "os.DirEntry[str]", name: str, real: tuple[str, ...]) -> None:
    """Go into a folder, or say why not; ``real`` ends with its own real path, those that lead to it come before."""
    linked = entry.is_symlink()
    if linked and (real[-1] in real[:-1] or real[-1] in found.linked):
        found.problems.append(left_out(name, "a link to a folder that is read already"))
        return
    if len(real) - 1 > DEEPEST:
        found.problems.append(left_out(name, f"lies more than {DEEPEST} folders deep", max(1, _files_below(entry))))
        return
    if linked:
        found.linked.add(real[-1])
    folder.folders.append(_folder(found, entry.path, name, real))


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _is_text(name: str) -> bool:
    return not re.search("[\ud800-\udfff]", name)


def _kind(name: str) -> str:
    """The name of something that is never data as the note shows it."""
    if name.startswith("._"):
        return "._*"
    return os.fsencode(name).decode("utf-8", "backslashreplace").strip()


def _files_below(entry: "os.DirEntry[str]") -> int:
    """Number of files at or below an entry; links are counted, not followed."""
    if not entry.is_dir(follow_symlinks=False):
        return 1
    count = 0
    waiting = [entry.path]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listing:
                for below in listing:
                    if below.is_dir(follow_symlinks=False):
                        waiting.append(below.path)
                    else:
                        count += 1
        except OSError:
            count += 1  # a folder that cannot be listed counts as one
    return count
