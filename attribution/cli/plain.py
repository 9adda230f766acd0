"""Words of the user's data on a terminal: shown, never obeyed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

KEPT = "\n\t"
TURNS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]  # they make a terminal show the letters in another order
CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
NOT_UTF_8 = range(0xDC80, 0xDD00)  # bytes of a file's name that no encoding explains
TABLE = {sign: f"\\x{sign & 0xFF:02x}" for sign in (*CONTROLS, *NOT_UTF_8) if chr(sign) not in KEPT} | {
    sign: f"\\u{sign:04x}" for sign in TURNS
}


def harmless(text: str) -> str:
    """The text with signs that a terminal would act on written out: a class name must not clear the screen or set a
    title."""
    return text.translate(TABLE)


class _Harmless:
    """A stream that writes every text harmless, and is the stream in everything else."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        return self.stream.write(harmless(text))

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def harmless_output() -> Iterator[None]:
    """What is said on standard output inside is harmless; the progress line on standard error moves the cursor and sees
    to its words itself."""
    before = sys.stdout
    sys.stdout = cast(TextIO, _Harmless(before))
    try:
        yield
    finally:
        sys.stdout = before
