"""The catalog: one SQLite file with packages, categories, grids, history and runs.

``migrations`` makes the tables and ``columns`` describes them. Every function takes an open
``sqlite3.Connection``; ``database`` opens it and begins transactions. Reading needs nothing but
sqlite3, so that ``show`` starts fast. Nothing here knows of commands, HTTP or output.
"""
