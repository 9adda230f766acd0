"""Work for the runner tests that any process can import: each item writes its own file, and some items misbehave."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from attribution.errors import UserError
from attribution.storage.files import whole_file


@dataclass
class Squares:
    """Item i writes i squared. ``deadly`` items kill their worker the first time; ``bad`` ones cannot be done; each
    takes ``wait_s``."""

    folder: Path
    deadly: tuple[int, ...] = ()
    bad: int = -1
    wait_s: float = 0.0
    device: str = "cpu"
    learns: ClassVar[bool] = True  # a deadly item is deadly once

    def open(self, report: Callable[[float], None]) -> Callable[[int], None]:
        def do(item: int) -> None:
            report(0.5)
            mark = self.folder / f"tried-{item}"
            if item in self.deadly and not (self.learns and mark.exists()):
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            if item == self.bad:
                raise UserError(f"Item {item} is bad.", "It must not be.", "Leave it out.")
            time.sleep(self.wait_s)
            with whole_file(self.path(item)) as temporary:
                temporary.write_text(f"{item**2} {os.getpid()}")

        return do

    def path(self, item: int) -> Path:
        return self.folder / f"item-{item}"

    def done(self, item: int) -> bool:
        return self.path(item).is_file()

    def size(self, item: int) -> float:
        return 1.0

    def words(self, item: int) -> str:
        return f"item {item}"

    def results(self) -> dict[int, int]:
        return {
            int(path.name.removeprefix("item-")): int(path.read_text().split()[0])
            for path in self.folder.glob("item-*")
        }

    def workers(self) -> set[int]:
        return {int(path.read_text().split()[1]) for path in self.folder.glob("item-*")}


class Places(Squares):
    """Each item notes which accelerator of four its worker would compute on, and which ones it is shown."""

    def open(self, report: Callable[[float], None]) -> Callable[[int], None]:
        import torch

        from attribution.models.devices import pick_device

        torch.cuda.is_available, torch.cuda.device_count = lambda: True, lambda: 4

        def do(item: int) -> None:
            time.sleep(self.wait_s)
            with whole_file(self.path(item)) as temporary:
                temporary.write_text(
                    f"{pick_device(self.device)} {os.environ.get('CUDA_VISIBLE_DEVICES', '')} {os.getpid()}"
                )

        return do

    def seen(self) -> set[tuple[str, ...]]:
        """``(device, visible ones, process)`` of every item, once."""
        return {tuple(path.read_text().split(" ")) for path in self.folder.glob("item-*")}


class Doomed(Squares):
    """Its deadly items are deadly every time."""

    learns = False
