"""Files of pictures on their way: on the disk, not in memory, until all are known."""

from pathlib import Path

from attribution.storage.files import said_when_full


class Spool:
    """Bytes of files one behind the other in ``path``, taken in the order in which they were added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lengths: list[int] = []
        self._taken = 0
        self._place = 0

    def append(self, content: bytes) -> None:
        """Add one file."""
        with said_when_full(self.path), open(self.path, "ab") as stream:
            stream.write(content)
        self._lengths.append(len(content))

    def take(self, count: int) -> list[bytes]:
        """The next files, at most ``count``; behind the last one, what they lay in is removed."""
        lengths = self._lengths[self._taken : self._taken + count]
        with open(self.path, "rb") as stream:
            stream.seek(self._place)
            found = [stream.read(length) for length in lengths]
            self._place = stream.tell()
        self._taken += len(found)
        if self._taken == len(self._lengths):
            self.path.unlink()
        return found
