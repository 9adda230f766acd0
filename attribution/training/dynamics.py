"""The columns of a run's ``dynamics.parquet``: one line per training row and epoch."""

DYNAMICS = {
    "row": "int32",
    "epoch": "int32",
    "loss": "float32",
    "margin": "float32",
    "prediction": "int32",
    "confidence": "float32",
}
