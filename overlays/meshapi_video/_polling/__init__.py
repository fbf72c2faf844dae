"""When to poll. Pure: time and randomness come in as arguments."""
