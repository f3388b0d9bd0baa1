"""Stand-ins for GitHub, PyPI and pypistats, on real sockets of the loopback interface.

They behave as the hosts do (paging, validators, quotas, renames, refusals) and can be made to
fail. Tests and benchmarks import them from here; what they serve is set up by the caller.
"""
