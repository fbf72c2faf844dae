# Generated from openapi.yaml by `nox -s regenerate`. Do not edit: change the overlay instead.

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType


class CreateVideoGenerationResponse(Struct):
    id: str


class ValidationErrorCtx(Struct):
    pass


ValidationErrorLocItems: TypeAlias = Annotated[
    str | int, Meta(title="ValidationErrorLocItems")
]


class VideoContentItemAudioUrl(Struct):
    url: str


class VideoContentItemDraftTask(Struct):
    id: str


class VideoContentItemImageUrl(Struct):
    url: str


class VideoContentItemVideoUrl(Struct):
    url: str


class VideoTaskContent(Struct):
    last_frame_url: str | None | UnsetType = UNSET
    video_url: str | None | UnsetType = UNSET


class VideoTaskError(Struct):
    code: str
    message: str


class VideoTaskUsage(Struct):
    completion_tokens: int
    total_tokens: int


class ValidationError(Struct):
    loc: list[ValidationErrorLocItems]
    msg: str
    type: str
    ctx: ValidationErrorCtx | UnsetType = UNSET
    input: Annotated[Any, Meta(description="Any type")] | UnsetType = UNSET


class VideoContentItem(Struct):
    type: str
    audio_url: VideoContentItemAudioUrl | None | UnsetType = UNSET
    draft_task: VideoContentItemDraftTask | None | UnsetType = UNSET
    image_url: VideoContentItemImageUrl | None | UnsetType = UNSET
    role: str | None | UnsetType = UNSET
    text: str | None | UnsetType = UNSET
    video_url: VideoContentItemVideoUrl | None | UnsetType = UNSET


class VideoGenerationRequest(Struct):
    content: Annotated[list[VideoContentItem], Meta(min_length=1)]
    model: str
    callback_url: str | None | UnsetType = UNSET
    camera_fixed: bool | None | UnsetType = UNSET
    draft: bool | None | UnsetType = UNSET
    duration: int | None | UnsetType = UNSET
    execution_expires_after: int | None | UnsetType = UNSET
    frames: int | None | UnsetType = UNSET
    generate_audio: bool | None | UnsetType = UNSET
    priority: int | None | UnsetType = UNSET
    ratio: str | None | UnsetType = UNSET
    resolution: str | None | UnsetType = UNSET
    return_last_frame: bool | None | UnsetType = UNSET
    safety_identifier: str | None | UnsetType = UNSET
    seed: int | None | UnsetType = UNSET
    service_tier: str | None | UnsetType = UNSET
    watermark: bool | None | UnsetType = UNSET


class VideoTaskResponse(Struct):
    id: str
    status: str
    content: VideoTaskContent | None | UnsetType = UNSET
    created_at: int | None | UnsetType = UNSET
    draft: bool | None | UnsetType = UNSET
    draft_task_id: str | None | UnsetType = UNSET
    duration: int | None | UnsetType = UNSET
    error: VideoTaskError | None | UnsetType = UNSET
    execution_expires_after: int | None | UnsetType = UNSET
    frames: int | None | UnsetType = UNSET
    framespersecond: int | None | UnsetType = UNSET
    generate_audio: bool | None | UnsetType = UNSET
    model: str | None | UnsetType = UNSET
    priority: int | None | UnsetType = UNSET
    ratio: str | None | UnsetType = UNSET
    resolution: str | None | UnsetType = UNSET
    safety_identifier: str | None | UnsetType = UNSET
    seed: int | None | UnsetType = UNSET
    service_tier: str | None | UnsetType = UNSET
    updated_at: int | None | UnsetType = UNSET
    usage: VideoTaskUsage | None | UnsetType = UNSET


class HTTPValidationError(Struct):
    detail: list[ValidationError] | UnsetType = UNSET


class VideoTaskListResponse(Struct):
    data: list[VideoTaskResponse]
    has_more: bool
    limit: int
    offset: int
    total: int
    object: str | UnsetType = UNSET
