"""Names of the ways in which a step can be executed."""

PLAIN, REPLAYED, COMPILED = "plain", "replayed", "compiled"
