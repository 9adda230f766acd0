"""How parameters meet the batch: one file for each kind of function, found by ``attribution.gradients.trace``."""
