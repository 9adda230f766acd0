"""Measures what a piece of work took: wall time, CPU time and peak memory."""

import resource
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

_open: "list[Meter]" = []  # at work: one that begins inside another makes the system forget the peak so far
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Meter:
    """``with Meter(device) as spent: work()``, then ``spent.seconds_s``, ``spent.cpu_s`` and ``spent.peak_bytes``.

    ``peak_bytes`` is the most memory that the whole process held meanwhile; on a CUDA device what torch held there,
    since that is what runs out. On an accelerator ``cpu_s`` is the wall time, since the processor only waits. Where the
    system cannot forget an earlier peak (not Linux) it is the process's highest so far.
    """

    seconds_s = cpu_s = 0.0
    peak_bytes = 0
    rise_bytes = 0  # the peak over what was held at the start

    def __init__(self, device: str = "cpu") -> None:
        self._cuda = str(device).startswith("cuda")
        self._cpu = str(device) == "cpu"
        self._seen_bytes = 0

    def start(self) -> "Meter":
        """Begin."""
        for outer in _open:
            outer._seen_bytes = max(outer._seen_bytes, outer._peak())
        _open.append(self)
        if self._cuda:
            import torch

            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        elif _CLEAR.exists():
            with suppress(OSError):  # a container that forbids it: the highest so far stands in
                _CLEAR.write_text("5")  # forget the peak so far
        self._held_bytes = self._held()
        self._started_s, self._began_cpu_s = time.perf_counter(), time.process_time()
        return self

    def stop(self) -> "Meter":
        """End, and read off."""
        if self._cuda:
            import torch

            torch.cuda.synchronize()
        if self in _open:
            _open.remove(self)
        self.seconds_s = time.perf_counter() - self._started_s
        self.cpu_s = time.process_time() - self._began_cpu_s if self._cpu else self.seconds_s
        self.peak_bytes = max(self._seen_bytes, self._peak())
        self.rise_bytes = max(0, self.peak_bytes - self._held_bytes)
        return self

    def _peak(self) -> int:
        if self._cuda:
            import torch

            return int(torch.cuda.max_memory_allocated())
        return peak_bytes()

    def _held(self) -> int:
        if self._cuda:
            import torch

            return int(torch.cuda.memory_allocated())
        import psutil  # here, so that a verb's help does not pay for it

        return int(psutil.Process().memory_info().rss)

    def __enter__(self) -> "Meter":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def cost(self, whole: bool, told: Mapping[str, float] | None, **more: Any) -> dict[str, Any]:
        """What a result's ``config["cost"]`` says: what was taken until now, whether that was the whole of the work
        (nothing resumed), and what had been told before."""
        self.stop()
        took = {"seconds_s": self.seconds_s, "cpu_s": self.cpu_s, "peak_bytes": self.peak_bytes}
        return {**took, **more, "whole": whole, "forecast": dict(told) if told else None}


def peak_bytes() -> int:
    """The most memory that this process has held at once, since the last ``Meter`` began."""
    if _STATUS.exists():
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
