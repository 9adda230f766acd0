"""Readers: from the user's files to samples. One file per kind."""
