"""Read the binary versions of CIFAR-10, CIFAR-100 and STL-10; the pickled ones are refused with the way out."""

from pathlib import Path

import numpy as np

from attribution.datasets.readers import register
from attribution.datasets.readers._arrays import Part, content, source_of_parts
from attribution.datasets.readers.base import Reader
from attribution.datasets.source import Source, natural_key
from attribution.errors import UserError
from attribution.settings.configs import DataConfig

INNER = ("cifar-10-batches-bin", "cifar-100-binary", "stl10_binary")  # what their archives unpack to
PICKLED = {"cifar-10-batches-py": "CIFAR10", "cifar-100-python": "CIFAR100"}
SIDE, STL_SIDE = 32, 96


@register("cifar")
class Cifar(Reader):
    """Bytes of pictures, one record behind the other."""

    title = "CIFAR or STL-10 in its binary version"
    summary = "The folder that cifar-10-binary.tar.gz, cifar-100-binary.tar.gz or stl10_binary.tar.gz unpacks to."

    def sniff(self, path: Path, folder: bool) -> int:
        return 3 if folder and (_place(path) or _pickled(path)) else 0

    def read(self, config: DataConfig) -> Source:
        """Training and test pictures with the names of their classes; of CIFAR-100 the fine ones. ``UserError`` for the
        pickled version and for a file that is cut short."""
        path = Path(config.path).expanduser()
        if kind := _pickled(path):
            raise _refused(path, kind)
        folder = _place(path) or path
        if (folder / "train_X.bin").is_file():
            names = _names(folder / "class_names.txt")
            parts = [_stl(folder, split, config.max_gigabytes) for split in ("train", "test") if _has(folder, split)]
            return source_of_parts(path, parts, names)
        hundred = (folder / "train.bin").is_file()
        names = _names(folder / ("fine_label_names.txt" if hundred else "batches.meta.txt"))
        files = sorted(folder.glob("*.bin"), key=lambda one: natural_key(one.name))
        files.sort(key=lambda one: one.name.startswith("test"))
        return source_of_parts(path, [_records(one, 1 + hundred, config.max_gigabytes) for one in files], names)


def _place(path: Path) -> Path | None:
    """The folder that holds the binary files: this one, or the one in it that their archive makes."""
    for folder in (path, *(path / name for name in INNER)):
        known = ("data_batch_1.bin", "train_X.bin")
        if any((folder / name).is_file() for name in known) or (
            (folder / "train.bin").is_file() and (folder / "fine_label_names.txt").is_file()
        ):
            return folder
    return None


def _pickled(path: Path) -> str:
    """What torchvision calls the pickled version that lies here; "" where none does."""
    for folder in (path, *(path / name for name in PICKLED)):
        if (folder / "data_batch_1").is_file() and (folder / "batches.meta").is_file():
            return "CIFAR10"
        if (folder / "train").is_file() and (folder / "meta").is_file() and (folder / "test").is_file():
            return "CIFAR100"
    return ""


def _refused(path: Path, kind: str) -> UserError:
    root = path.parent if path.name in PICKLED else path
    code = (
        f"import numpy as np; from torchvision.datasets import {kind} as D; a, b = D('{root}'), D('{root}', "
        "train=False); np.savez('cifar.npz', X_train=a.data, y_train=a.targets, X_test=b.data, y_test=b.targets, "
        "classes=a.classes)"
    )
    return UserError(
        f"{path} holds the pickled version of {kind}.",
        "Unpickling a file can run any code, so it is not done.",
        f'Give the binary version, or write an archive of arrays: python -c "{code}"',
    )


def _names(path: Path) -> tuple[str, ...]:
    """Class names, one a line; () without the file."""
    if not path.is_file():
        return ()
    return tuple(
        line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
    )


def _records(path: Path, labels: int, max_gigabytes: float) -> Part:
    """Records of ``labels`` bytes (the last is the label) and a picture, channel by channel."""
    found = content(path, max_gigabytes)
    width = labels + 3 * SIDE * SIDE
    if len(found) % width:
        raise _cut(path, width)
    records = found.reshape(-1, width)
    pixels = records[:, labels:].reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    split = "test" if path.name.startswith("test") else "train"
    return Part(split, path.stem, pixels, records[:, labels - 1].astype(np.int64))


def _has(folder: Path, split: str) -> bool:
    return (folder / f"{split}_X.bin").is_file() and (folder / f"{split}_y.bin").is_file()


def _stl(folder: Path, split: str, max_gigabytes: float) -> Part:
    """STL-10: pictures channel by channel and column by column, labels from 1."""
    found = content(folder / f"{split}_X.bin", max_gigabytes)
    labels = np.asarray(content(folder / f"{split}_y.bin", max_gigabytes)).astype(np.int64) - 1
    width = 3 * STL_SIDE * STL_SIDE
    if len(found) != len(labels) * width:
        raise _cut(folder / f"{split}_X.bin", width)
    return Part(split, split, found.reshape(-1, 3, STL_SIDE, STL_SIDE).transpose(0, 3, 2, 1), labels)


def _cut(path: Path, width: int) -> UserError:
    return UserError(
        f"{path.name} has {path.stat().st_size:,} bytes, which are not whole records of {width:,}.",
        "The pictures cannot be told apart.",
        "Download it again.",
    )
