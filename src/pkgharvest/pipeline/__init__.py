"""A fetch run: plan, read the sources, write the results, report."""
