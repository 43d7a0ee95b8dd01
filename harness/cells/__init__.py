"""Cells, trials and their identities: what is compared, and what one seeded training is."""
