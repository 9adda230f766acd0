"""Training samples that repeat test samples or each other."""
