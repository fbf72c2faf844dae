from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.video_content_item import VideoContentItem


T = TypeVar("T", bound="VideoGenerationRequest")


@_attrs_define
class VideoGenerationRequest:
    """
    Attributes:
        content (list[VideoContentItem]):
        model (str):
        callback_url (None | str | Unset):
        camera_fixed (bool | None | Unset):
        draft (bool | None | Unset):
        duration (int | None | Unset):
        execution_expires_after (int | None | Unset):
        frames (int | None | Unset):
        generate_audio (bool | None | Unset):
        priority (int | None | Unset):
        ratio (None | str | Unset):
        resolution (None | str | Unset):
        return_last_frame (bool | None | Unset):
        safety_identifier (None | str | Unset):
        seed (int | None | Unset):
        service_tier (None | str | Unset):
        watermark (bool | None | Unset):
    """

    content: list[VideoContentItem]
    model: str
    callback_url: None | str | Unset = UNSET
    camera_fixed: bool | None | Unset = UNSET
    draft: bool | None | Unset = UNSET
    duration: int | None | Unset = UNSET
    execution_expires_after: int | None | Unset = UNSET
    frames: int | None | Unset = UNSET
    generate_audio: bool | None | Unset = UNSET
    priority: int | None | Unset = UNSET
    ratio: None | str | Unset = UNSET
    resolution: None | str | Unset = UNSET
    return_last_frame: bool | None | Unset = UNSET
    safety_identifier: None | str | Unset = UNSET
    seed: int | None | Unset = UNSET
    service_tier: None | str | Unset = UNSET
    watermark: bool | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        content = []
        for content_item_data in self.content:
            content_item = content_item_data.to_dict()
            content.append(content_item)

        model = self.model

        callback_url: None | str | Unset
        if isinstance(self.callback_url, Unset):
            callback_url = UNSET
        else:
            callback_url = self.callback_url

        camera_fixed: bool | None | Unset
        if isinstance(self.camera_fixed, Unset):
            camera_fixed = UNSET
        else:
            camera_fixed = self.camera_fixed

        draft: bool | None | Unset
        if isinstance(self.draft, Unset):
            draft = UNSET
        else:
            draft = self.draft

        duration: int | None | Unset
        if isinstance(self.duration, Unset):
            duration = UNSET
        else:
            duration = self.duration

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

        generate_audio: bool | None | Unset
        if isinstance(self.generate_audio, Unset):
            generate_audio = UNSET
        else:
            generate_audio = self.generate_audio

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

        return_last_frame: bool | None | Unset
        if isinstance(self.return_last_frame, Unset):
            return_last_frame = UNSET
        else:
            return_last_frame = self.return_last_frame

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

        watermark: bool | None | Unset
        if isinstance(self.watermark, Unset):
            watermark = UNSET
        else:
            watermark = self.watermark

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "content": content,
                "model": model,
            }
        )
        if callback_url is not UNSET:
            field_dict["callback_url"] = callback_url
        if camera_fixed is not UNSET:
            field_dict["camera_fixed"] = camera_fixed
        if draft is not UNSET:
            field_dict["draft"] = draft
        if duration is not UNSET:
            field_dict["duration"] = duration
        if execution_expires_after is not UNSET:
            field_dict["execution_expires_after"] = execution_expires_after
        if frames is not UNSET:
            field_dict["frames"] = frames
        if generate_audio is not UNSET:
            field_dict["generate_audio"] = generate_audio
        if priority is not UNSET:
            field_dict["priority"] = priority
        if ratio is not UNSET:
            field_dict["ratio"] = ratio
        if resolution is not UNSET:
            field_dict["resolution"] = resolution
        if return_last_frame is not UNSET:
            field_dict["return_last_frame"] = return_last_frame
        if safety_identifier is not UNSET:
            field_dict["safety_identifier"] = safety_identifier
        if seed is not UNSET:
            field_dict["seed"] = seed
        if service_tier is not UNSET:
            field_dict["service_tier"] = service_tier
        if watermark is not UNSET:
            field_dict["watermark"] = watermark

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.video_content_item import VideoContentItem  # noqa: PLC0415

        d = dict(src_dict)
        content = []
        _content = d.pop("content")
        for content_item_data in _content:
            content_item = VideoContentItem.from_dict(content_item_data)

            content.append(content_item)

        model = d.pop("model")

        def _parse_callback_url(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("None | str | Unset", data)

        callback_url = _parse_callback_url(d.pop("callback_url", UNSET))

        def _parse_camera_fixed(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("bool | None | Unset", data)

        camera_fixed = _parse_camera_fixed(d.pop("camera_fixed", UNSET))

        def _parse_draft(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("bool | None | Unset", data)

        draft = _parse_draft(d.pop("draft", UNSET))

        def _parse_duration(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("int | None | Unset", data)

        duration = _parse_duration(d.pop("duration", UNSET))

        def _parse_execution_expires_after(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("int | None | Unset", data)

        execution_expires_after = _parse_execution_expires_after(
            d.pop("execution_expires_after", UNSET)
        )

        def _parse_frames(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("int | None | Unset", data)

        frames = _parse_frames(d.pop("frames", UNSET))

        def _parse_generate_audio(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("bool | None | Unset", data)

        generate_audio = _parse_generate_audio(d.pop("generate_audio", UNSET))

        def _parse_priority(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("int | None | Unset", data)

        priority = _parse_priority(d.pop("priority", UNSET))

        def _parse_ratio(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("None | str | Unset", data)

        ratio = _parse_ratio(d.pop("ratio", UNSET))

        def _parse_resolution(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("None | str | Unset", data)

        resolution = _parse_resolution(d.pop("resolution", UNSET))

        def _parse_return_last_frame(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("bool | None | Unset", data)

        return_last_frame = _parse_return_last_frame(d.pop("return_last_frame", UNSET))

        def _parse_safety_identifier(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("None | str | Unset", data)

        safety_identifier = _parse_safety_identifier(d.pop("safety_identifier", UNSET))

        def _parse_seed(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("int | None | Unset", data)

        seed = _parse_seed(d.pop("seed", UNSET))

        def _parse_service_tier(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("None | str | Unset", data)

        service_tier = _parse_service_tier(d.pop("service_tier", UNSET))

        def _parse_watermark(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast("bool | None | Unset", data)

        watermark = _parse_watermark(d.pop("watermark", UNSET))

        video_generation_request = cls(
            content=content,
            model=model,
            callback_url=callback_url,
            camera_fixed=camera_fixed,
            draft=draft,
            duration=duration,
            execution_expires_after=execution_expires_after,
            frames=frames,
            generate_audio=generate_audio,
            priority=priority,
            ratio=ratio,
            resolution=resolution,
            return_last_frame=return_last_frame,
            safety_identifier=safety_identifier,
            seed=seed,
            service_tier=service_tier,
            watermark=watermark,
        )

        video_generation_request.additional_properties = d
        return video_generation_request

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
