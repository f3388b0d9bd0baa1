"""How requests reach the hosts: limits, retries, archives, credentials.

Links of one chain, each an ``Exchange`` around the next: redirects(retry(limits(recorder(wire)))).
"""
