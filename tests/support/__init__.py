"""What the tests share: a server that misbehaves on purpose, virtual time, and clients of every kind."""
