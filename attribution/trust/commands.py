"""Commands of the user's own: which files one names, and whether the user said yes to running exactly these."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from attribution.errors import UserError
from attribution.trust import store
from attribution.trust.imports import LARGEST, digest, local_files, read
from attribution.trust.question import PLACE, Look


@dataclass(frozen=True)
class CommandLook(Look):
    """A command, and the files that it names with what they import, as they are now, beside what was trusted."""

    command: str = ""

    def refusal(self) -> UserError:
        """Why it does not run, and how it may."""
        changed = f" What changed: {'; '.join(name for name, _, _ in self.changes)}." if self.before else ""
        return UserError(
            f"The command `{self.command}` is not one that you trust as it is now.{changed}",
            f"A command can do anything on this machine. {PLACE.format(store.place())}",
            "Type it yourself (datablame retrain --command ..., or RetrainConfig(command=...) in Python), or confirm "
            "it on the Retrain page.",
        )

    @property
    def key(self) -> list[str]:
        """The command and the content of its files, wherever they lie: what its results depend on."""
        return [self.command, *sorted(value for name, value in self.files.items() if name != self._said)]

    @property
    def _said(self) -> str:
        return f"the command {self.command}"


def look_command(command: str, folder: Path | str) -> CommandLook:
    """The command and its files as they are now, when it is run in ``folder``; cheap, runs nothing."""
    path = Path(f"command-{digest(command + chr(0) + os.path.abspath(folder))}")
    files = {f"the command {command}": digest(command)}
    for file in named_files(command, folder):
        files |= local_files(file) if file.suffix == ".py" else {str(file): _content(file)}
    return CommandLook(path, files, store.entry(path).files, command)


def say_yes_to(seen: CommandLook) -> None:
    """Keep that the user trusts exactly this command with these files."""
    store.keep(seen.path, store.Entry(seen.files))


def words_of(command: str) -> list[str]:
    """The words of a command as a shell would part them; ``UserError`` for one that cannot be parted."""
    try:
        return shlex.split(command)
    except ValueError as error:
        raise UserError(
            f"The command `{command}` cannot be read: {error}.",
            "It is parted into words as in a shell.",
            "Mend the quotes.",
        ) from error


def named_files(command: str, folder: Path | str) -> list[Path]:
    """The files that a command names, in its order: words that are paths, and the module behind ``-m``. Not the program
    itself, unless it lies in the folder."""
    words = words_of(command)
    found: list[Path] = []
    for place, word in enumerate(words):
        path = Path(folder, word).expanduser()
        if place == 0 and os.sep not in word:
            continue
        if place and words[place - 1] == "-m":
            inside = Path(folder, *word.split("."))
            found += [one for one in (inside.with_suffix(".py"), inside / "__main__.py") if one.is_file()]
        elif "{" not in word and path.is_file() and not _installed(path):
            found.append(path.resolve())
    return list(dict.fromkeys(found))


def program(word: str, folder: Path | str) -> str:
    """What is started: the path of a file in the folder, else the word.

    ``python`` is that of the active environment; where none is active, the one this runs in (the system's would
    rarely have torch or pandas).
    """
    import shutil

    if os.sep in word:
        return str(Path(folder, word).expanduser())
    active = any(os.environ.get(name) for name in ("VIRTUAL_ENV", "CONDA_PREFIX"))
    if word in ("python", "python3") and not (active and shutil.which(word)):
        return sys.executable
    return word


def _installed(path: Path) -> bool:
    """An interpreter named by its path is no file of the user's."""
    return os.access(path, os.X_OK) and path.parent.name == "bin"


def _content(path: Path) -> str:
    """SHA-256 of a file; of one too large to be a script its size and time."""
    about = path.stat()
    return digest(read(str(path))) if about.st_size <= LARGEST // 4 else f"{about.st_size} {about.st_mtime_ns}"
