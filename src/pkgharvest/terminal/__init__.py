"""Tables, cards and progress for a terminal; the only layer that imports rich."""
