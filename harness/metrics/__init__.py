"""Sample quality: what is computed from a generator's samples."""
