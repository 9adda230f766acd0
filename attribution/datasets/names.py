"""What a sample without a label has, and is called."""

# The class index of a sample without a label; it is never active, so nothing trains on it or asks about it.
NO_LABEL = -1
UNLABELLED = "no label"
