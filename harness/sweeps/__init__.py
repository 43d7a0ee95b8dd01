"""A suite from start to end: running its missing trials, its progress and its status."""
