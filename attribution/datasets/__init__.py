"""The samples: read from the user's files, checked, split, encoded, and kept under stable ids."""
