"""Retrain."""
