"""Looking at all samples: the columns that a project has, the words that filter by them, and their order."""
