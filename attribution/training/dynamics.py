"""The columns of a run's ``dynamics.parquet``: one line per training row and epoch."""

PLACE = {"row": "int32", "epoch": "int32"}
DYNAMICS = PLACE | {"loss": "float32", "margin": "float32", "prediction": "int32", "confidence": "float32"}
OF_KIND = {  # of targets; error: prediction - value
    "class": DYNAMICS,
    "set": DYNAMICS | {"prediction": "int64"},
    "text": PLACE | {"loss": "float32", "margin": "float32", "confidence": "float32", "tokens_right": "float32"},
    "number": PLACE | {"loss": "float32", "margin": "float32", "prediction": "float64", "error": "float64"},
}
STEPS = {"step": "int32", "epoch": "int32", "loss": "float32"}  # ``steps.parquet``: loss of each batch before its step
BATCHES = {"step": "int32", "row": "int32"}  # ``batches.parquet``: the rows of each step, where no seed tells them
