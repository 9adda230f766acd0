"""Settings: one frozen dataclass per kind of work, with help and range beside each field."""
