"""Import 100,000 pictures of 224 x 224 by reference: time, memory and disk, on pictures made here.

Run: python benchmarks/large_import.py [--pictures 100000] [--side 224] [--reference auto]
Writes benchmarks/results/large_import.json.
"""

import argparse
import io
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

RESULT = Path(__file__).parent / "results" / "large_import.json"
DIFFERENT = 300  # pictures that are encoded; the others are these with a comment that makes the file another one
CLASSES = 10


def main() -> None:
    """Make the pictures, import them, read some, and write what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--reference", default="auto")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="large-import-") as folder:
        source_bytes = write(Path(folder, "in"), given.pictures, given.side)
        found = in_process(imported, Path(folder), given.side, given.reference)
        found |= {"pictures": given.pictures, "side": given.side, "source_bytes": source_bytes}
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def write(folder: Path, count: int, side: int) -> int:
    """JPEG files in class folders, each with other bytes; how many bytes they have."""
    rng = np.random.default_rng(0)
    encoded = []
    for _ in range(DIFFERENT):
        coarse = Image.fromarray(rng.integers(0, 256, (side // 8, side // 8, 3), dtype=np.uint8))
        stream = io.BytesIO()
        coarse.resize((side, side), Image.Resampling.BICUBIC).save(stream, format="JPEG", quality=85)
        encoded.append(stream.getvalue())
    size = 0
    for i in range(count):
        place = folder / f"class-{i % CLASSES}"
        place.mkdir(parents=True, exist_ok=True)
        comment = f"{i:012d}".encode()
        data = encoded[i % DIFFERENT]
        size += place.joinpath(f"{i:06d}.jpg").write_bytes(
            data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + data[2:]
        )
    return size


def in_process(work, *given):
    """What a function gives in a process of its own, so that its peak of memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, given)


def imported(folder: Path, side: int, reference: str) -> dict[str, float]:
    """Import the pictures and read a thousand of them in random order."""
    from attribution.datasets.load import import_data
    from attribution.settings.configs import DataConfig

    began_s, began_cpu_s = time.monotonic(), time.process_time()
    config = DataConfig(path=str(folder / "in"), image_size=side, reference=reference)
    dataset = import_data(config, folder / "data", "large")
    took_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    rows = np.random.default_rng(0).permutation(len(dataset))[:1000]
    began_s = time.monotonic()
    for start in range(0, len(rows), 100):
        dataset.inputs[rows[start : start + 100]]
    read_s = time.monotonic() - began_s
    disk_bytes = sum(file.stat().st_size for file in (folder / "data").iterdir())
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "import_s": round(took_s, 1),
        "import_cpu_s": round(cpu_s, 1),
        "peak_bytes": peak_bytes,
        "project_bytes": disk_bytes,
        "copies_would_take_bytes": dataset.inputs.nbytes,
        "read_1000_s": round(read_s, 2),
    }


if __name__ == "__main__":
    main()
