"""Statistics: intervals, rankings, and how predictions held up."""
