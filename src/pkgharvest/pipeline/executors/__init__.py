"""Where a stage's reads run: in this process (``local``), later in others."""
