"""What a run will cost in time and memory, told beforehand from a timed share of it."""
