"""Tables, cards and progress for a terminal; the only room that imports rich."""
