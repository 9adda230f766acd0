"""Nearest neighbours: exact, in cells, with bounds."""
