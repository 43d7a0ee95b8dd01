"""From the trials of ledgers to what is said of a claim: cases, measures, effects and readings."""
