"""Per-sample gradients without materialising them: dots, norms, cosines and projections (torch only, no I/O)."""
