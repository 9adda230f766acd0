"""How long work reports progress and learns that it was cancelled."""

import time
from collections.abc import Callable


class Progress:
    """Counts finished units of one piece of work; silent unless a listener is given.

    ``listener(done, total, message)`` is called at most every ``interval_s`` seconds, and always for the last unit. It
    may raise ``Cancelled``. ``part`` hands a slice of the whole to a sub-task, which counts in its own units.
    """

    def __init__(self, listener: Callable[[float, float, str], None] | None = None, interval_s: float = 0.2) -> None:
        self._listener = listener
        self._interval_s = interval_s
        self._last_s = 0.0
        self._offset = 0.0
        self._scale = 1.0
        self._prefix = ""

    def update(self, done: float, total: float, message: str = "") -> None:
        """Report ``done`` of ``total`` units; raises ``Cancelled`` when the user asked to stop."""
        if self._listener is None:
            return
        now_s = time.monotonic()
        if done < total and now_s - self._last_s < self._interval_s:
            return
        self._last_s = now_s
        fraction = self._offset + self._scale * (done / total if total else 1.0)
        text = f"{self._prefix}: {message}" if self._prefix and message else self._prefix or message
        self._listener(fraction, 1.0, text)

    def part(self, start: float, end: float, prefix: str = "") -> "Progress":
        """A view on the slice ``[start, end]`` (fractions of this progress) for a sub-task."""
        child = Progress(self._listener, self._interval_s)
        child._offset = self._offset + self._scale * start
        child._scale = self._scale * (end - start)
        child._prefix = prefix or self._prefix
        return child


def counted(words: str, done: int, total: int, began_s: float) -> str:
    """How many of how many, and at what rate since ``began_s`` (``time.monotonic``): "reading pictures, 1,200 of 6,000
    (340 a second)"."""
    seconds_s = time.monotonic() - began_s
    rate = f" ({done / seconds_s:,.0f} a second)" if done and seconds_s > 0.5 else ""
    return f"{words}, {done:,} of {total:,}{rate}"
