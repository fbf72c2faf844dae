"""Programs for the developers of this project that are not tests: each is a session of noxfile.py."""
