"""A lock on an open file, that ends with the process however that ends."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import msvcrt
    import os

    def try_lock(descriptor: int) -> bool:
        """Whether the file is ours alone from now on, until it is closed."""
        # A locked byte cannot be read, so one is taken that no file here has.
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def try_lock(descriptor: int) -> bool:
        """Whether the file is ours alone from now on, until it is closed."""
        try:
            # Not `lockf`, whose locks are the process's: another thread would get it as well.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            # Some network file systems know no locks. Downloading there is better than refusing to.
            return True
        return True
