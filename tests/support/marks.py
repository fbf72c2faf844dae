"""Marks that several test modules use."""

from __future__ import annotations

import pytest

# httpcore and httpx leave the generators of a body that was not read completely to the garbage collector. Trio warns.
unclosed_generators = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
