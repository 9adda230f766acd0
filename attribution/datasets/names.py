"""What a sample without a label has, and is called."""

UNLABELLED = "no label"
# The way out for what is no label of a sample: texts to continue, pairs, pictures to draw, a label per word or box.
NO_PROJECT = "A network with a loss of its own is asked without a project: docs/tasks.md, Without labels."
