"""Code that the tests share: a server with faults, virtual time, and one interface to both clients."""
