"""What all tests and intervals share."""

ALPHA = 0.05
"""Chance of a false claim in one family of comparisons, and one minus the confidence of every interval."""
