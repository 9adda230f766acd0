"""The map: all samples laid out in two dimensions, by what the model sees in them or by how they pull on it."""
