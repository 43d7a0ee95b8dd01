"""From a suite's file to the trials that it asks for: reading, checking, expanding, seeds and cost."""
