"""Wrong labels: the search, the queue, its calibration."""
