"""Pairs of texts (retrieval, preferences)

not yet a project; in Python [its gradients](docs/tasks.md#without-labels)
"""

from attribution import Project

project = Project.create("search", "pairs.csv", "hf:bert", text="question")
