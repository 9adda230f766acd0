"""Conversations: rows that a language model is trained on, in the schemas that people have."""
