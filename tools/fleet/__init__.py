"""Kills workers, brokers and sandboxes under waiting tasks, and counts what is lost. Run by `nox -s fleet`."""
