"""Every shipped normalizer, one file each, registered through the same entry-point group as a stranger's."""
