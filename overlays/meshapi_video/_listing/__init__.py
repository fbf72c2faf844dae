"""Listing tasks: which page to ask for next. Nothing here uses the network."""
