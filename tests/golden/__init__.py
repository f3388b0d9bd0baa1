"""What an earlier program did on many command lines, kept to be compared with what it does now."""
