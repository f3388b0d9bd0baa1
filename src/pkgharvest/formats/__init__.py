"""Records to text: JSON, CSV, TSV and Markdown, without rich.

Nothing is imported here, so that printing JSON does not load the other formats.
"""
