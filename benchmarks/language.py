"""What a real language model costs: rows through the frozen layers once, a training, and influence over all rows.

    PYTHONPATH=. python benchmarks/language.py 200        # rows; needs the extra chat; CPU seconds grow with the rows

SmolLM2-135M-Instruct, adapters of rank 8 in the last 2 of 30 layers. Rows are words drawn at random in the model's chat
template, so that a row has the wanted number of tokens, a quarter of them trained; the figures are of one thread.
Writes benchmarks/results/language.json.
"""

import json
import os
import random
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from attribution import ModelConfig, Project, ScoreConfig
from attribution.models.build import build_model
from attribution.models.features import inputs_of, prepare
from attribution.progress import Progress

RESULTS = Path(__file__).parent / "results" / "language.json"
WORDS = 5  # of a question and of an answer: with the template about 40 tokens


def measured(into: dict[str, Any], name: str, work: Callable[[], Any]) -> Any:
    """Do it, and note CPU and wall seconds and the most memory so far."""
    wall_s, cpu_s = time.monotonic(), time.process_time()
    found = work()
    into[name] = {
        "cpu_s": round(time.process_time() - cpu_s, 1),
        "wall_s": round(time.monotonic() - wall_s, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
    print(name, into[name], flush=True)
    return found


def chats(n: int, path: Path) -> None:
    """Rows of drawn words."""
    draw = random.Random(0)
    words = sorted(
        {word for word in (Path(__file__).parent.parent / "README.md").read_text().split() if word.isalpha()}
    )
    pairs = [[" ".join(draw.choices(words, k=WORDS)) for _ in range(2)] for _ in range(n)]
    path.write_text("\n".join(json.dumps({"prompt": asked, "completion": said}) for asked, said in pairs))


def main(n: int) -> None:
    """All of it for n rows."""
    torch.set_num_threads(1)
    found: dict[str, Any] = {"rows": n, "threads": 1}
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATABLAME_HOME"] = folder
        chats(n, Path(folder, "chats.jsonl"))
        config = ModelConfig("hf:smollm2")
        project = measured(
            found, "import", lambda: Project.create("language", Path(folder, "chats.jsonl"), config, task="causal-lm")
        )
        dataset = project.dataset
        model = build_model(project.model_config, dataset.info, seed=0).eval()
        kinds = dataset.tensor(np.arange(n), "cpu", inputs_of(model))[:, 1]
        found |= {"tokens": int((kinds >= 0).sum()), "trained_tokens": int((kinds == 1).sum())}
        measured(found, "trunk", lambda: prepare(model, dataset, np.arange(n), Progress()))
        measured(found, "training of 3 epochs", project.train)
        one = ScoreConfig(queries=str(dataset.ids[dataset.rows("test")[0]]))
        measured(found, "ip, 1 query", lambda: project.score(one))
        measured(found, "40 answers", lambda: model.generate([f"What is {k} and {k}?" for k in range(40)], 16))
    known = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    RESULTS.write_text(json.dumps({**known, str(n): found}, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
