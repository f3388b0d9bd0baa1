"""Stand-ins of hosts on the loopback interface: real sockets, made-up repositories."""
