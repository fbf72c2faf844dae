"""A simulated BytePlus: takes a task through `queued` and `running` to the end it was told."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

Outcome = Literal["succeeded", "failed", "expired", "cancelled"]
"""How a task ends."""


_TEN_YEARS: Final = 10 * 365 * 86_400
Seconds = Annotated[float, msgspec.Meta(ge=0, le=_TEN_YEARS)]


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be asked of a new task."""

    outcome: Outcome = "succeeded"
    queued_for: Seconds = 2.0
    """Seconds from its making until it runs."""
    running_for: Seconds = 4.0
    """Seconds from then until it ends."""


class Plan(Order, frozen=True, kw_only=True):
    """What will become of a task."""

    created_at: float
    """When it was made, in seconds since 1970."""


EXAMPLE: Final[dict[str, object]] = {
    "id": "a1b2c3d4-e5f6-7890-ab12-cd34ef567890",
    "status": "succeeded",
    "model": "byteplus-video-gen-v2",
    "error": None,
    "created_at": 1685600000,
    "updated_at": 1685603600,
    "content": {
        "video_url": "https://cdn.byteplus.com/videos/generated/abc123def456.mp4",
        "last_frame_url": "https://cdn.byteplus.com/videos/generated/abc123def456_last_frame.jpg",
    },
    "seed": 987654321,
    "resolution": "1920x1080",
    "ratio": "16:9",
    "duration": 30,
    "frames": 900,
    "framespersecond": 30,
    "generate_audio": True,
    "safety_identifier": "safe_content_001",
    "priority": 5,
    "draft": False,
    "draft_task_id": None,
    "service_tier": "premium",
    "execution_expires_after": 3600,
    "usage": {"completion_tokens": 1500, "total_tokens": 3000},
}
"""The published page's own example; every sandbox has it."""


def look(task_id: str, plan: Plan, now: float, media_url: str) -> dict[str, object]:
    """The upstream's answer at the time `now`: fields are absent until they are known."""
    ended = plan.created_at + plan.queued_for + plan.running_for
    # A task is cancelled from the queue, and never runs.
    if plan.outcome == "cancelled":
        ended -= plan.running_for
    answer: dict[str, object] = {
        "id": task_id,
        "model": "byteplus-video-gen-v2",
        "status": "queued",
        "created_at": int(plan.created_at),
        "updated_at": int(plan.created_at),
        "service_tier": "premium",
        "execution_expires_after": 3600,
    }
    if now >= ended:
        answer |= {"status": plan.outcome, "updated_at": int(ended)}
        if plan.outcome == "succeeded":
            answer |= _result(task_id, media_url)
        elif plan.outcome == "failed":
            answer["error"] = {
                "code": "OutputVideoSensitiveContentDetected",
                "message": "The sandbox was told to fail it.",
            }
    elif now >= plan.created_at + plan.queued_for:
        answer |= {"status": "running", "updated_at": int(plan.created_at + plan.queued_for)}
    return answer


def _result(task_id: str, media_url: str) -> dict[str, object]:
    """What the published example says of a finished task, with addresses that work here."""
    content = {
        "video_url": f"{media_url}/{task_id}.mp4",
        "last_frame_url": f"{media_url}/{task_id}_last_frame.jpg",
    }
    kept = EXAMPLE.keys() - {"id", "model", "status", "error", "created_at", "updated_at", "draft_task_id"}
    return {name: EXAMPLE[name] for name in sorted(kept)} | {"content": content}
