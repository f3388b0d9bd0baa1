"""Rate limits, quotas and throttling, per host."""
