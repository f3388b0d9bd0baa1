"""Use-cases that join the engine and the catalogue: what any front door calls."""
