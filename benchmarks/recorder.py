"""What recording a training loop costs: ``python benchmarks/recorder.py [--n 1000] [--repeats 3]``.

Writes benchmarks/results/recorder.json. A convolutional network learns n pictures of 28 x 28 for three epochs. Inside
each run the processor seconds of ``rec.log`` and ``rec.epoch`` are held against those of the loop around them, on one
thread: once where nothing else is asked, once where ``rec.epoch(evaluate=...)`` makes a pass in eval mode after each
epoch, and there against the same pass by hand. Medians over the repeats.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import attribution

RESULT = Path(__file__).parent / "results" / "recorder.json"
EPOCHS = 3
BATCH = 64


def network() -> nn.Module:
    """Two convolutions and two linear layers, 421,000 weights."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU(), nn.Linear(128, 10)),
    )


class Watch:
    """Processor seconds spent inside ``with watch:``."""

    def __init__(self) -> None:
        self.spent_s = 0.0

    def __enter__(self) -> None:
        self._started_s = time.process_time()

    def __exit__(self, *error: object) -> None:
        self.spent_s += time.process_time() - self._started_s


def loop(data: Any, folder: Path, evaluate: bool) -> tuple[float, float, float]:
    """Processor seconds of a training without the recorder, of the recorder, and of the passes by hand."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    rec = attribution.record(folder, model, [f"sample-{place}" for place in range(len(data))], optimizer=optimizer)
    loader = DataLoader(rec.wrap(data), BATCH, shuffle=True, generator=torch.Generator().manual_seed(0))
    whole = DataLoader(rec.wrap(data), BATCH)
    everything = Watch()
    recorder = Watch()
    by_hand = Watch()
    with everything:
        for _ in range(EPOCHS):
            model.train()
            for x, y, names in loader:
                outputs = model(x)
                optimizer.zero_grad()
                nn.functional.cross_entropy(outputs, y).backward()
                optimizer.step()
                with recorder:
                    rec.log(names, outputs, y)
            with recorder:
                rec.epoch(evaluate=whole if evaluate else None)
            with by_hand:
                model.eval()
                with torch.no_grad():
                    torch.cat([model(x) for x, _, _ in whole])
    return everything.spent_s - recorder.spent_s - by_hand.spent_s, recorder.spent_s, by_hand.spent_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    chance = torch.Generator().manual_seed(0)
    pictures = torch.randn(options.n, 1, 28, 28, generator=chance)
    data = TensorDataset(pictures, torch.randint(10, (options.n,), generator=chance))
    shares: dict[str, list[float]] = {"recording": [], "recording beside a pass": [], "recording and a pass": []}
    for turn in range(options.repeats + 1):
        for evaluate in (False, True):
            folder = Path(tempfile.mkdtemp(prefix="recorder-"))
            loop_s, recorder_s, pass_s = loop(data, folder / "rec", evaluate)
            shutil.rmtree(folder)
            if not turn:  # imports, and memory that is asked for the first time
                continue
            if evaluate:
                shares["recording beside a pass"].append((recorder_s - pass_s) / (loop_s + pass_s))
                shares["recording and a pass"].append(recorder_s / loop_s)
            else:
                shares["recording"].append(recorder_s / loop_s)
    overhead = {name: statistics.median(found) for name, found in shares.items()}
    found = {"n": options.n, "epochs": EPOCHS, "batch_size": BATCH, "overhead": overhead, "repeats": shares}
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
