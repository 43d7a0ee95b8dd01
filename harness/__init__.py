"""Everything but the reports: plans, trains, judges, commits and tracks trials."""
