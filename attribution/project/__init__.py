"""What stands behind ``Project``: its parts by concern, making one, deciding on samples, looking results up, the steps
of the work."""
