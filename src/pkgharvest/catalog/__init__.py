"""The SQLite file: schema and migrations, packages, harvests, runs, upkeep.

Reading needs nothing but sqlite3, so that ``show`` starts fast; sqlite-utils is loaded to write.
"""
