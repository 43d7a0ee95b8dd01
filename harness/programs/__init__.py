"""A cell's step as a program: followed once, then replayed, compiled, or captured by a GPU."""
