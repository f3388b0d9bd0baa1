"""Pure records and rules: no network, no database, no terminal."""
