"""Angles: how every training gradient stands to a query's gradient."""
