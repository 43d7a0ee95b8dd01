"""Whether this machine, or every node of a cluster, is fit for a sweep."""
