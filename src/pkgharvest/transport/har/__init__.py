"""HAR 1.2 archives: recording, reading and replaying."""
