"""What stands behind ``Project``: making one, deciding on samples, looking results up, and the steps of the work."""
