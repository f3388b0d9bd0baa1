"""The use cases: the only way to the catalog and the pipeline. Nothing here prints or exits."""
