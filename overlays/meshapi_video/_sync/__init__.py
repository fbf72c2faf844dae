"""The blocking client: threads and sockets."""
