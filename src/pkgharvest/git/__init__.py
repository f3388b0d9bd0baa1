"""Running git: processes, cached clones, repositories, authors."""
