"""What edits would do, without retraining."""
