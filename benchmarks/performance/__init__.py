"""The parts of ``benchmarks/performance.py``: cells, peers, what is measured, and the page."""
