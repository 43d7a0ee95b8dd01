"""What a trial logs over its steps: plain arrays, without torch."""
