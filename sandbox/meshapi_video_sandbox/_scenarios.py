"""Common scenarios, by name."""

from __future__ import annotations

from typing import Final

_TWO_HOURS: Final[dict[str, object]] = {"queued_for": 600, "running_for": 6600}

SCENARIOS: Final[dict[str, dict[str, object]]] = {
    "instant": {"queued_for": 0, "running_for": 0},
    "quick": {"queued_for": 2, "running_for": 4},
    "slow": _TWO_HOURS,
    "endless": {"queued_for": 0, "running_for": 300_000_000},
    "failed": {"outcome": "failed"},
    "expired": {"outcome": "expired", **_TWO_HOURS},
    "cancelled": {"outcome": "cancelled"},
    "flaky": {
        "faults": [
            {"polls": [1], "status": 503},
            {"polls": [2], "reset": True},
            {"polls": [3], "body": "html"},
            {"polls": [4], "body": "truncated"},
            {"polls": [5], "body": "half"},
        ]
    },
    "rate_limited": {"faults": [{"polls": [1, 2], "status": 429, "retry_after": 1}]},
    "upstream_down": {"faults": [{"polls": [1, 2, 3], "at": "upstream", "status": 500}]},
}
"""The options of a new task in each scenario. A task without any options behaves as in `quick`."""
