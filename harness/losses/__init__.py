"""What the networks minimize: the losses that a suite can name."""
