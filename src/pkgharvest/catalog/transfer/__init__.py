"""Dumps, restores and imports into the catalog."""
