"""A lock on an open file. It ends with the process, even after a kill."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    def try_lock(descriptor: int, *, required: bool = False) -> bool:  # noqa: ARG001 - a failure is always False here
        """Locks the file until it is closed. Returns False if another process has locked it."""
        # A locked byte cannot be read, so this locks a byte past the end of every file here.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int, *, required: bool = False) -> bool:
        """Locks the file until it is closed. Returns False if another process or thread has locked it.

        Without a lock of the file system, returns True, or raises `OSError` if the lock is `required`.
        """
        try:
            # Not `lockf`: its locks belong to the process, so that another thread would get the lock as well.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # Some network file systems have no locks. A download without a lock is better than none.
            if required:
                raise
            return True
        return True
