"""Calibration: how the review queue ranks errors that are planted in a copy."""
