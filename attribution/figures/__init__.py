"""Plotly figures of finished results, one file per study; ``result.figure(name)`` draws them, and so do the pages."""
