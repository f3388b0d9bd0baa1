"""The command line: a file per group of commands. Exit codes and options are known only here."""
