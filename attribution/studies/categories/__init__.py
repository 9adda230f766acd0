"""What kind of sample: wrong label, leak, rare, ambiguous, plain."""
