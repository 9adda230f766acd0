"""Whether items of a benchmark stand in the training rows, and whether it matters."""
