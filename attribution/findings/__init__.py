"""Findings: conclusions drawn from several signals, which they show."""
