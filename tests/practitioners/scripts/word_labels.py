"""A label for each word (NER), boxes, masks

not yet a project; in Python [its gradients](docs/tasks.md#without-labels)
"""

import datasets

from attribution import Project

words = datasets.load_dataset("json", data_files="words.jsonl", split="train")
project = Project.create("words", data=words, text="body", label="tags", model="hf:bert")
