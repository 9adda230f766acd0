"""Training: the model that everything else is asked of, trained here or loaded."""
