"""Marks that several test modules use."""

from __future__ import annotations

import pytest

# httpcore and httpx leave the generator of a body that was not read or sent completely to the garbage collector.
# Trio warns.
unclosed_generators = pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
