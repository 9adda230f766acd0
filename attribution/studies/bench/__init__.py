"""The bench: which estimator to trust on the user's own model and data, measured side by side."""
