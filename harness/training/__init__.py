"""One trial: the pure step function, the loop around it, and what it leaves behind."""
