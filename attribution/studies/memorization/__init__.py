"""Memorization: which training labels the model knows by heart, and which predictions hang on a single sample."""
