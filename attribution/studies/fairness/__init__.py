"""Which samples harm a gap or robustness, and what happens without them."""
