"""Records in, text out: JSON, CSV, TSV, Markdown, and tables for a terminal.

Nothing is imported here: who wants JSON pays for neither rich nor csv.
"""
