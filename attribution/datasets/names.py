"""What a sample without a label has, and is called."""

UNLABELLED = "no label"
