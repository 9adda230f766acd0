"""The plane of two number columns of a table, and what the model says everywhere in it."""
