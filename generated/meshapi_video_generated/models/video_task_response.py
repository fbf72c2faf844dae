from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset
from ..types import model_repr as _model_repr

T = TypeVar("T", bound="VideoTaskResponse")


@_attrs_define
class VideoTaskResponse:
    """A video task, as it is now. Most fields are unset or null until they are known."""

    id: str
    """ The task's id. """
    status: str
    """ `queued`, `running`, `succeeded`, `failed`, `expired` or `cancelled`. A server may send other values, which
    mean that the task has not ended. """
    content: None | Unset | VideoTaskContent = UNSET
    """ The result. Its `video_url` is set if the status is `succeeded`. """
    created_at: int | None | Unset = UNSET
    """ When the task was created, in seconds since 1970 (UTC). """
    draft: bool | None | Unset = UNSET
    """ Whether the video is a draft, which has a low resolution. """
    draft_task_id: None | str | Unset = UNSET
    """ The id of the task whose draft this video was made from. """
    duration: int | None | Unset = UNSET
    """ The length of the video, in seconds. """
    error: None | Unset | VideoTaskError = UNSET
    """ Why the task failed. It is set if the status is `failed`. """
    execution_expires_after: int | None | Unset = UNSET
    """ Seconds after `created_at`, at which the task expires unless it has ended. By default 172800 (48 hours). """
    frames: int | None | Unset = UNSET
    """ The number of frames in the video. """
    framespersecond: int | None | Unset = UNSET
    """ The frames per second of the video. """
    generate_audio: bool | None | Unset = UNSET
    """ Whether the video has sound. """
    model: None | str | Unset = UNSET
    """ The model that makes the video, such as `byteplus/dreamina-seedance-2-0`. """
    priority: int | None | Unset = UNSET
    """ From 0 to 9. Tasks with a higher priority come first. """
    ratio: None | str | Unset = UNSET
    """ The width of the video to its height, such as `16:9`. """
    resolution: None | str | Unset = UNSET
    """ The resolution of the video, such as `720p`. """
    safety_identifier: None | str | Unset = UNSET
    """ The name of the end user that the request gave, such as a hash. """
    seed: int | None | Unset = UNSET
    """ The seed of the random numbers. The same request with the same seed gives a similar video. """
    service_tier: None | str | Unset = UNSET
    """ `default`, or `flex`, which is cheaper and may take hours. """
    updated_at: int | None | Unset = UNSET
    """ When the task last changed, in seconds since 1970 (UTC). """
    usage: None | Unset | VideoTaskUsage = UNSET
    """ The tokens that the task used. They decide what the video costs. """
    additional_properties: dict[str, Any] = _attrs_field(factory=dict, kw_only=True)
    """The fields that the document does not describe, by their names."""

    def __repr__(self) -> str:
        return _model_repr(self)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        status = self.status

        content: dict[str, Any] | None | Unset
        if isinstance(self.content, Unset):
            content = UNSET
        elif isinstance(self.content, VideoTaskContent):
            content = self.content.to_dict()
        else:
            content = self.content

        created_at: int | None | Unset
        if isinstance(self.created_at, Unset):
            created_at = UNSET
        else:
            created_at = self.created_at

        draft: bool | None | Unset
        if isinstance(self.draft, Unset):
            draft = UNSET
        else:
            draft = self.draft

        draft_task_id: None | str | Unset
        if isinstance(self.draft_task_id, Unset):
            draft_task_id = UNSET
        else:
            draft_task_id = self.draft_task_id

        duration: int | None | Unset
        if isinstance(self.duration, Unset):
            duration = UNSET
        else:
            duration = self.duration

        error: dict[str, Any] | None | Unset
        if isinstance(self.error, Unset):
            error = UNSET
        elif isinstance(self.error, VideoTaskError):
            error = self.error.to_dict()
        else:
            error = self.error

        execution_expires_after: int | None | Unset
        if isinstance(self.execution_expires_after, Unset):
            execution_expires_after = UNSET
        else:
            execution_expires_after = self.execution_expires_after

        frames: int | None | Unset
        if isinstance(self.frames, Unset):
            frames = UNSET
        else:
            frames = self.frames

        framespersecond: int | None | Unset
        if isinstance(self.framespersecond, Unset):
            framespersecond = UNSET
        else:
            framespersecond = self.framespersecond

        generate_audio: bool | None | Unset
        if isinstance(self.generate_audio, Unset):
            generate_audio = UNSET
        else:
            generate_audio = self.generate_audio

        model: None | str | Unset
        if isinstance(self.model, Unset):
            model = UNSET
        else:
            model = self.model

        priority: int | None | Unset
        if isinstance(self.priority, Unset):
            priority = UNSET
        else:
            priority = self.priority

        ratio: None | str | Unset
        if isinstance(self.ratio, Unset):
            ratio = UNSET
        else:
            ratio = self.ratio

        resolution: None | str | Unset
        if isinstance(self.resolution, Unset):
            resolution = UNSET
        else:
            resolution = self.resolution

        safety_identifier: None | str | Unset
        if isinstance(self.safety_identifier, Unset):
            safety_identifier = UNSET
        else:
            safety_identifier = self.safety_identifier

        seed: int | None | Unset
        if isinstance(self.seed, Unset):
            seed = UNSET
        else:
            seed = self.seed

        service_tier: None | str | Unset
        if isinstance(self.service_tier, Unset):
            service_tier = UNSET
        else:
            service_tier = self.service_tier

        updated_at: int | None | Unset
        if isinstance(self.updated_at, Unset):
            updated_at = UNSET
        else:
            updated_at = self.updated_at

        usage: dict[str, Any] | None | Unset
        if isinstance(self.usage, Unset):
            usage = UNSET
        elif isinstance(self.usage, VideoTaskUsage):
            usage = self.usage.to_dict()
        else:
            usage = self.usage

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "id": id,
                "status": status,
            }
        )
        if content is not UNSET:
            field_dict["content"] = content
        if created_at is not UNSET:
            field_dict["created_at"] = created_at
        if draft is not UNSET:
            field_dict["draft"] = draft
        if draft_task_id is not UNSET:
            field_dict["draft_task_id"] = draft_task_id
        if duration is not UNSET:
            field_dict["duration"] = duration
        if error is not UNSET:
            field_dict["error"] = error
        if execution_expires_after is not UNSET:
            field_dict["execution_expires_after"] = execution_expires_after
        if frames is not UNSET:
            field_dict["frames"] = frames
        if framespersecond is not UNSET:
            field_dict["framespersecond"] = framespersecond
        if generate_audio is not UNSET:
            field_dict["generate_audio"] = generate_audio
        if model is not UNSET:
            field_dict["model"] = model
        if priority is not UNSET:
            field_dict["priority"] = priority
        if ratio is not UNSET:
            field_dict["ratio"] = ratio
        if resolution is not UNSET:
            field_dict["resolution"] = resolution
        if safety_identifier is not UNSET:
            field_dict["safety_identifier"] = safety_identifier
        if seed is not UNSET:
            field_dict["seed"] = seed
        if service_tier is not UNSET:
            field_dict["service_tier"] = service_tier
        if updated_at is not UNSET:
            field_dict["updated_at"] = updated_at
        if usage is not UNSET:
            field_dict["usage"] = usage

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id")

        status = d.pop("status")

        def _parse_content(data: object) -> None | Unset | VideoTaskContent:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                content_type_0 = VideoTaskContent.from_dict(data)

                return content_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast("None | Unset | VideoTaskContent", data)

        content = _parse_content(d.pop("content", UNSET))

        created_at: int | None | Unset = d.pop("created_at", UNSET)

        draft: bool | None | Unset = d.pop("draft", UNSET)

        draft_task_id: None | str | Unset = d.pop("draft_task_id", UNSET)

        duration: int | None | Unset = d.pop("duration", UNSET)

        def _parse_error(data: object) -> None | Unset | VideoTaskError:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                error_type_0 = VideoTaskError.from_dict(data)

                return error_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast("None | Unset | VideoTaskError", data)

        error = _parse_error(d.pop("error", UNSET))

        execution_expires_after: int | None | Unset = d.pop(
            "execution_expires_after", UNSET
        )

        frames: int | None | Unset = d.pop("frames", UNSET)

        framespersecond: int | None | Unset = d.pop("framespersecond", UNSET)

        generate_audio: bool | None | Unset = d.pop("generate_audio", UNSET)

        model: None | str | Unset = d.pop("model", UNSET)

        priority: int | None | Unset = d.pop("priority", UNSET)

        ratio: None | str | Unset = d.pop("ratio", UNSET)

        resolution: None | str | Unset = d.pop("resolution", UNSET)

        safety_identifier: None | str | Unset = d.pop("safety_identifier", UNSET)

        seed: int | None | Unset = d.pop("seed", UNSET)

        service_tier: None | str | Unset = d.pop("service_tier", UNSET)

        updated_at: int | None | Unset = d.pop("updated_at", UNSET)

        def _parse_usage(data: object) -> None | Unset | VideoTaskUsage:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                usage_type_0 = VideoTaskUsage.from_dict(data)

                return usage_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast("None | Unset | VideoTaskUsage", data)

        usage = _parse_usage(d.pop("usage", UNSET))

        video_task_response = cls(
            id=id,
            status=status,
            content=content,
            created_at=created_at,
            draft=draft,
            draft_task_id=draft_task_id,
            duration=duration,
            error=error,
            execution_expires_after=execution_expires_after,
            frames=frames,
            framespersecond=framespersecond,
            generate_audio=generate_audio,
            model=model,
            priority=priority,
            ratio=ratio,
            resolution=resolution,
            safety_identifier=safety_identifier,
            seed=seed,
            service_tier=service_tier,
            updated_at=updated_at,
            usage=usage,
        )

        video_task_response.additional_properties = d
        return video_task_response

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties


from ..models.video_task_content import VideoTaskContent  # noqa: E402
from ..models.video_task_error import VideoTaskError  # noqa: E402
from ..models.video_task_usage import VideoTaskUsage  # noqa: E402
