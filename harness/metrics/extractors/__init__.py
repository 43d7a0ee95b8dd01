"""Feature extractors: what turns images into vectors whose distributions can be compared."""
