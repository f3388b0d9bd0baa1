"""How requests reach the hosts: rate limits, retries, archives, credentials.

``client.py`` puts the transports together; each is in a file of its own.
"""
