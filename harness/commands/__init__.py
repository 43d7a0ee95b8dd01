"""The verbs of ``ganbench``, by what they are about: each calls a function that Python users can call."""
