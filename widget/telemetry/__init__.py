"""What the service tells about itself, without anything personal: log lines, and counts of what has no row."""
