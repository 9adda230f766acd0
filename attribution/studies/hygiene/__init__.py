"""What is wrong with rows of a chat file before any model is asked: repeats, conflicts, faults, personal data."""
