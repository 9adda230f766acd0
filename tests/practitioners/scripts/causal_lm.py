"""A causal language model

not yet a project; in Python [its gradients](docs/tasks.md#without-labels)
"""

from attribution import Project

project = Project.create("chat", "chat.jsonl", "hf:gpt", text="body")
