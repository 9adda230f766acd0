"""The columns of a run's ``dynamics.parquet``: one line per training row and epoch."""

DYNAMICS = {"row": "int32", "epoch": "int16", "loss": "float32", "margin": "float32", "prediction": "int16", "confidence": "float32"}
