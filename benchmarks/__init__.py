"""Measurements against the budget: ``python -m benchmarks``. Nothing here fails: it tells."""
