"""How requests reach the hosts: limits, retries, archives, credentials.

Links of one chain, each an ``Exchange`` around the next, put together in ``client.py``:
redirects(retry(limits(recorder(meter(wire))))). A replay takes the wire's place.
"""
