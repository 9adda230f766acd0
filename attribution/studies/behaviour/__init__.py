"""How often a model shows a behaviour, on prompts that nobody looked at."""
