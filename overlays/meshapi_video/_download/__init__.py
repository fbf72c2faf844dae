"""The download of one file: what to do next, and the partial file on disk."""
