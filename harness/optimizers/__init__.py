"""How parameters are updated: the optimizers that a suite can name."""
