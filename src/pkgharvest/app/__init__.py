"""The use cases: the only door to the catalog and the pipeline. Nothing here prints or exits."""
