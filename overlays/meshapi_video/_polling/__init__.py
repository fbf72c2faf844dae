"""Decides when to poll. Pure, except that `AdaptivePolicy` has a lock and can be saved to a file."""
