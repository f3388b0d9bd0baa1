"""PyPI, and mirrors that have both its Simple and its JSON API."""
