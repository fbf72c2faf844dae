"""The library of the users' own clients in the tests: httpx, or its fork in the session `httpx2`.

Tests import `httpx` from here. The SDK itself and the other tests always use httpx.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING

__all__ = ["httpx"]

if TYPE_CHECKING:
    import httpx
else:
    httpx = importlib.import_module(os.environ.get("HTTP_LIBRARY", "httpx"))
