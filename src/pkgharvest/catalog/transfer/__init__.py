"""Bringing catalogs in and out: dumps, restores, and imports of API v4 resources."""
