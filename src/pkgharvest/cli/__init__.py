"""The command line: one file per group of commands. Only here are exit codes known."""
