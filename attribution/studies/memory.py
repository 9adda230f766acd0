"""How much memory a piece of work takes on top of what was there before it."""

import threading

import psutil

EVERY_S = 0.02


class PeakMemory:
    """A context that samples this process's resident memory; ``mib`` is the largest rise over the start, in MiB, after
    it."""

    def __init__(self, every_s: float = EVERY_S) -> None:
        self.mib = 0.0
        self._every_s = every_s
        self._done = threading.Event()
        self._process = psutil.Process()

    def __enter__(self) -> "PeakMemory":
        self._start = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(self._every_s):
            self._look()

    def _look(self) -> None:
        self.mib = max(self.mib, (self._process.memory_info().rss - self._start) / 2**20)

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()
