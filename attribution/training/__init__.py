"""Training: a recipe becomes a run with checkpoints; a trained model is then asked."""
