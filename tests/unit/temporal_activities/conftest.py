"""The attempts of an activity. tests/engines/test_temporal.py has a real server."""

from __future__ import annotations

import pytest

from support.server import Server
from support.temporal import Temporal


@pytest.fixture
def temporal(server: Server) -> Temporal:
    return Temporal(server.base_url)
