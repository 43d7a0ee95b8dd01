"""Where a trial runs: one attempt, from its task to its commit."""
