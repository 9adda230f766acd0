"""A training script of your own

datablame retrain --command "python train.py --data {data} --out {out} --seed {seed}"
"""

import sys

from attribution import DataConfig, Project, RetrainConfig

data = DataConfig("shoes.csv", label="kind", id="id", split="split")
project = Project.create("shoes", data)
project.train()
project.relabel(project.dataset.rows_of(["shoes-7", "shoes-21"]), "boot", reason="seen")
command = f"{sys.executable} train.py --data {{data}} --out {{out}} --seed {{seed}}"
proof = project.retrain(RetrainConfig(command=command))
