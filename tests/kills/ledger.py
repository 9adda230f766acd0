"""Kills a writer of the ledger at random moments and looks at what is left: ``python tests/kills/ledger.py --kills
60``.

The writer says on its standard output when a call has returned: the batch's name, size and last id. After each SIGKILL
every batch that was acknowledged is there, each batch is whole or absent, what is kept beside the ledger is what going
through it gives, and entries can still be neither changed nor deleted. The next writer goes on in the same ledger.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

SAMPLES = [f"sample {number}" for number in range(300)]


def write(path: Path, seed: int) -> None:
    """Decide, undo, redo and revert until killed, and say of each batch when it is written: its name, size and last
    id."""
    from attribution.errors import UserError
    from attribution.storage.ledger import Ledger

    chance, ledger = random.Random(seed), Ledger(path, lambda samples: ["none"] * len(samples))
    while True:
        action = chance.choice(["relabel", "relabel", "drop", "keep", "undo", "redo", "revert"])
        try:
            if action in ("undo", "redo"):
                made = getattr(ledger, action)(chance.choice(["ada", "ben"]), anyone=chance.random() < 0.3)
            elif action == "revert":
                made = ledger.revert([chance.randint(1, max(1, ledger.last_id()))])
            else:
                chosen = chance.sample(SAMPLES, chance.choice([1, 1, 2, 50, 300]))
                made = ledger.apply(
                    action, chosen, chance.choice(["cat", "dog", ""]), author=chance.choice(["ada", "ben"])
                )
        except UserError:
            continue
        if made:
            print(json.dumps([made[0].batch, len(made), made[-1].id]), flush=True)


@dataclass
class Writer:
    """A process that writes, and what it has acknowledged so far."""

    process: "subprocess.Popen[str]"
    said: list[list]
    listener: threading.Thread | None = None

    @staticmethod
    def start(path: Path, seed: int) -> "Writer":
        process = subprocess.Popen(
            [sys.executable, __file__, "--writer", str(path), "--seed", str(seed)], stdout=subprocess.PIPE, text=True
        )
        writer = Writer(process, [])
        writer.listener = threading.Thread(target=writer._listen, daemon=True)
        writer.listener.start()
        return writer

    def _listen(self) -> None:
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.said.append(json.loads(line))

    def kill(self, after: int, wait_s: float) -> list[list]:
        """SIGKILL some time after so many acknowledgements; all that it acknowledged."""
        while len(self.said) < after and self.process.poll() is None:
            time.sleep(0.002)
        time.sleep(wait_s)
        assert self.process.poll() is None, "the writer ended by itself"
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.listener.join()
        self.process.stdout.close()
        return list(self.said)


def examine(path: Path, acknowledged: dict[str, tuple[int, int]]) -> int:
    """Look at what is left; the number of batches in the ledger."""
    from attribution.storage import database, kept

    with database.connect(path) as db:
        (whole,) = db.execute("PRAGMA integrity_check").fetchone()
        assert whole == "ok", whole
        there = {
            batch: (n, last)
            for batch, n, last in db.execute("SELECT batch, COUNT(*), MAX(id) FROM edits GROUP BY batch")
        }
        lost = {batch: line for batch, line in acknowledged.items() if there.get(batch) != line}
        assert not lost, f"acknowledged and not there whole: {lost}"
        assert kept.stored(db) == kept.worked_out(db), "what is kept beside the ledger is not what the ledger says"
        sizes = {first: last - first + 1 for first, last in db.execute("SELECT first, last FROM batches")}
        assert sorted(sizes.values()) == sorted(n for n, _ in there.values()), "a batch is there in part"
        for statement in ("UPDATE edits SET sample = 'x'", "DELETE FROM edits"):
            try:
                db.execute(statement)
            except sqlite3.IntegrityError:
                continue
            raise AssertionError(f"{statement} was let through")
    return len(there)


def killed(path: Path, kills: int, seed: int = 0) -> dict[str, int]:
    """Kill writers of one ledger so often; counts of what was acknowledged and what is there."""
    from attribution.storage import database

    chance, acknowledged = random.Random(seed), {}
    database.create(path)
    batches = 0
    for number in range(kills):
        writer = Writer.start(path, seed=1000 * seed + number)
        for batch, n, last in writer.kill(chance.randint(1, 8), chance.random() * 0.02):
            acknowledged[batch] = (n, last)
        batches = examine(path, acknowledged)
    return {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "batches": batches,
        "entries": sum(n for n, _ in acknowledged.values()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--writer", type=Path)
    asked = parser.parse_args()
    if asked.writer:
        write(asked.writer, asked.seed)
    with tempfile.TemporaryDirectory() as home:
        print(killed(Path(home) / "project.db", asked.kills, asked.seed))
