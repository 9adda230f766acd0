"""What the user is asked about a code file, and what is kept of the answer."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from attribution.errors import UserError
from attribution.trust import store
from attribution.trust.imports import digest, local_files, resolved

PLACE = "Trust is kept per user, in {}, never in a project's folder."


@dataclass(frozen=True)
class Look:
    """A code file as it lies on disk now (``files``: path to SHA-256, itself first), beside what was trusted of it
    before."""

    path: Path
    files: dict[str, str]
    before: dict[str, str] = field(default_factory=dict)

    @property
    def changes(self) -> list[tuple[str, str, str]]:
        """``(path, SHA-256 when trusted, SHA-256 now)`` of each file that differs; "" where it was not there or is
        gone."""
        names = dict.fromkeys([*self.files, *self.before])
        both = [(name, self.before.get(name, ""), self.files.get(name, "")) for name in names]
        return [one for one in both if one[1] != one[2]]

    @property
    def new(self) -> bool:
        """Whether the user has never trusted it."""
        return not self.before

    @property
    def trusted(self) -> bool:
        """Whether it is, to the byte and with all it imports, what the user trusted."""
        return bool(self.before) and not self.changes

    @property
    def shown(self) -> str:
        """One hash of all that is shown, to tell whether the answer is about the same."""
        return digest("\n".join(f"{name} {value}" for name, value in self.files.items()))

    def lines(self) -> list[str]:
        """The question in lines: each file with its hash, and for a changed one what it was. The paths are made
        harmless to a terminal."""
        if self.new or self.trusted:
            return [f"{_said(name)}  SHA-256 {value}" for name, value in self.files.items()]
        same = [
            f"{_said(name)}  SHA-256 {value}" for name, value in self.files.items() if self.before.get(name) == value
        ]
        return [*(_change(*one) for one in self.changes), *same]

    def refusal(self) -> UserError:
        """Why it does not run, and how it may; for a file that is trusted: its caller did not pass that on."""
        where = PLACE.format(store.place())
        if str(self.path) not in self.files:
            return UserError(
                f"There is no file {_said(str(self.path))}.",
                "The model or the task is in it.",
                "Correct the path before the colon.",
            )
        if self.new or self.trusted:
            return UserError(
                f"The code {_said(str(self.path))} is not trusted (SHA-256 {self.files[str(self.path)]}).",
                f"Code from a file can do anything on this machine. {where}",
                "Read it, then run `datablame trust`, or confirm it in the app.",
            )
        return UserError(
            f"The code {_said(str(self.path))} is not what you trusted: "
            f"{'; '.join(_change(*one) for one in self.changes)}.",
            f"Code runs only as it was when you confirmed it. {where}",
            "Read what changed, then run `datablame trust`, or confirm it in the app.",
        )


def look(code: Path | str) -> Look:
    """The code file and its local modules as they are now; cheap, runs nothing."""
    path = resolved(code)
    kept = store.entry(path)
    return Look(path, local_files(path, [*kept.files, *kept.wanted]), kept.files)


def say_yes(seen: Look) -> None:
    """Keep that the user trusts exactly what was shown; what changed since is asked about again."""
    if str(seen.path) not in seen.files:
        raise seen.refusal()
    store.keep(seen.path, store.Entry(seen.files))


def trust(code: Path | str) -> Look:
    """Trust a code file as it is now (``say_yes(look(code))``); what was trusted."""
    seen = look(code)
    say_yes(seen)
    return look(code)


def forget(code: Path | str) -> bool:
    """Take trust back; whether there was any."""
    path = resolved(code)
    had = bool(store.entry(path).files)
    store.keep(path, store.Entry())
    return had


def code_hash(code: Path) -> str:
    """Hash of a code file and its local modules, first 16 digits; it does not depend on where they lie."""
    kept = store.entry(code)
    files = local_files(code, [*kept.files, *kept.wanted])
    if len(files) == 1:
        return next(iter(files.values()))[:16]
    named = {"" if name == str(code) else os.path.relpath(name, code.parent): value for name, value in files.items()}
    return digest("\n".join(sorted(f"{name} {value}" for name, value in named.items())))[:16]


def _said(name: str) -> str:
    """A path without signs that a terminal would obey: a question must not be painted over by what it asks about."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _change(name: str, before: str, now: str) -> str:
    name = _said(name)
    if not before:
        return f"{name} was not there or not imported, and is now SHA-256 {now}"
    if not now:
        return f"{name} is gone (was SHA-256 {before})"
    return f"{name} changed: SHA-256 {now}, was {before}"
