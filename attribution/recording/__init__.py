"""The user's own training loop, written down while it runs, and read back as a run of a project."""
