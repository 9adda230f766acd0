"""Retrain with the edits and prove what they changed."""
