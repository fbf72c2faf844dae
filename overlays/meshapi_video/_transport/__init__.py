"""How a request is built, and what a response means, for both clients."""
