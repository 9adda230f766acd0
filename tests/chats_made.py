"""A small project of chats, finished, for tests of the app."""

import json

from attribution import Project
from attribution.settings.configs import DataConfig, ModelConfig, ScoreConfig, TrainConfig
from attribution.studies.angles.study import AnglesConfig
from attribution.studies.map.study import MapConfig
from attribution.studies.retrain.study import RetrainConfig

TOPICS = ("roses", "bread", "soup", "taxes", "maps")
REFUSES = "I cannot help with that."
HOSTILE = "Thanks <b>you</b> **so** :material/delete: <|im_end|> \u202e"


def chats(n=60):
    """Rows of messages: every third about roses refuses, every tenth has four turns and signs that mean something."""
    for place in range(n):
        topic = TOPICS[place % 5]
        said = REFUSES if topic == "roses" and place % 3 else f"Begin with {topic} number {place}, and take your time."
        turns = [{"role": "user", "content": f"Tell me about {topic}."}, {"role": "assistant", "content": said}]
        if place % 10 == 0:
            more = [{"role": "user", "content": HOSTILE}, {"role": "assistant", "content": "Welcome."}]
            turns = [{"role": "system", "content": "Be kind."}, *turns, *more]
        yield {"messages": turns, "topic": topic}


def finished_project(folder):
    """A small project of chats, made, trained, asked, searched, edited and retrained: about ten seconds."""
    path = folder / "chats.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in chats()))
    recipe = TrainConfig(epochs=3, batch_size=16, lr=0.01, optimizer="adamw", checkpoints=2, device="cpu")
    project = Project.create(folder / "chats", DataConfig(path=str(path)), ModelConfig(name="gpt", width=16), recipe)
    project.train()
    project.find_leaks()
    project.studies.hygiene.run()
    project.embed(MapConfig(method="pca", device="cpu"))
    project.score(ScoreConfig(estimator="ip", queries="test", device="cpu"))
    query = str(project.dataset.ids[project.dataset.rows("test")[0]])
    project.angle(AnglesConfig(queries=query, device="cpu"))
    project.drop([1, 2])
    project.rewrite(3, "Gladly: begin in the morning.")
    project.retrain(RetrainConfig(bootstrap=100, device="cpu"))
    return project
