"""Names of the ways in which a step can be executed."""

PLAIN, REPLAYED, COMPILED = "plain", "replayed", "compiled"

AUTO = "auto"
"""Of a sweep: replayed or compiled, as its plan says of each cell."""
