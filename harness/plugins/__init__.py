"""What everything that a suite can name has in common: how it is written, found, sent and blamed."""
