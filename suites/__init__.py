"""Suites: YAML files, versioned. ``ganbench list suites`` names them."""
