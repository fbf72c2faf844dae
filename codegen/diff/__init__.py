"""Compares two generated folders and reports what changes for users of the SDK."""
