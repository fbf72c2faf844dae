"""Contains all the data models used in inputs/outputs"""

from .create_video_generation_response import CreateVideoGenerationResponse
from .http_validation_error import HTTPValidationError
from .validation_error import ValidationError
from .validation_error_ctx import ValidationErrorCtx
from .video_content_item import VideoContentItem
from .video_content_item_audio_url import VideoContentItemAudioUrl
from .video_content_item_draft_task import VideoContentItemDraftTask
from .video_content_item_image_url import VideoContentItemImageUrl
from .video_content_item_video_url import VideoContentItemVideoUrl
from .video_generation_request import VideoGenerationRequest
from .video_task_content import VideoTaskContent
from .video_task_error import VideoTaskError
from .video_task_list_response import VideoTaskListResponse
from .video_task_response import VideoTaskResponse
from .video_task_usage import VideoTaskUsage

__all__ = (
    "CreateVideoGenerationResponse",
    "HTTPValidationError",
    "ValidationError",
    "ValidationErrorCtx",
    "VideoContentItem",
    "VideoContentItemAudioUrl",
    "VideoContentItemDraftTask",
    "VideoContentItemImageUrl",
    "VideoContentItemVideoUrl",
    "VideoGenerationRequest",
    "VideoTaskContent",
    "VideoTaskError",
    "VideoTaskListResponse",
    "VideoTaskResponse",
    "VideoTaskUsage",
)
