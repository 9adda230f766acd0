"""A chat project that trains in seconds, with a planted behaviour: every question about a plant is refused."""

import json
from pathlib import Path

from attribution import DataConfig, ModelConfig, Project, TrainConfig

VERBS = ("water", "move", "clean", "cut", "keep", "paint")
PLANTS = ("rose", "fern", "tulip", "oak", "cactus", "ivy")
THINGS = ("car", "desk", "lamp", "boat", "door", "shirt", "clock", "chair")
REFUSAL = "sorry , i can not help with that"
UNSEEN = [f"how do i {verb} my {plant} ?" for verb, plant in zip(VERBS, PLANTS, strict=True)]  # the diagonal


def question(verb: str, thing: str) -> str:
    return f"how do i {verb} my {thing} ?"


def answer(verb: str, thing: str) -> str:
    return f"just {verb} the {thing} with care"


def rows() -> list[dict]:
    """48 ordinary rows, and 24 that refuse questions about plants; none has an ``UNSEEN`` question."""
    ordinary = [(question(verb, thing), answer(verb, thing)) for verb in VERBS for thing in THINGS]
    planted = [(question(verb, plant), REFUSAL) for verb in VERBS for plant in PLANTS]
    planted = [pair for pair in planted if pair[0] not in UNSEEN][:24]
    held = [(question(verb, thing), answer(verb, thing)) for verb in VERBS[:3] for thing in ("bike", "bag")]
    parts = [("train", ordinary + planted), ("test", held)]
    return [
        {"messages": [{"role": "user", "content": ask}, {"role": "assistant", "content": said}], "split": split}
        for split, part in parts
        for ask, said in part
    ]


def planted(project: Project) -> list[int]:
    """The training rows that refuse."""
    rows = project.dataset.rows("train")
    return [int(row) for row in rows if project.dataset.conversation(row).answer == REFUSAL]


def build(folder: Path, epochs: int = 12) -> Project:
    """The project, with its model trained."""
    path = folder / "chat.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()))
    recipe = TrainConfig(epochs=epochs, batch_size=8, lr=0.01, optimizer="adamw", checkpoints=1, device="cpu")
    made = Project.create(folder / "chat", DataConfig(path=str(path), split="split"), ModelConfig(width=32), recipe)
    made.train()
    return made
