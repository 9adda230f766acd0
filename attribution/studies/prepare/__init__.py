"""What a new project opens on, one study after the other."""
