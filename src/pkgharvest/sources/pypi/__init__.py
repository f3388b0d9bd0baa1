"""The package index: the Simple and JSON APIs."""
