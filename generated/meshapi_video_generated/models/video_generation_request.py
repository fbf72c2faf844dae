from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset
from ..types import model_repr as _model_repr

T = TypeVar("T", bound="VideoGenerationRequest")


@_attrs_define
class VideoGenerationRequest:
    """The body of a request that creates a task."""

    content: list[VideoContentItem]
    """ The text, pictures, videos and sounds that the video is made from. At least one. """
    model: str
    """ The model, such as `byteplus/dreamina-seedance-2-0`. """
    callback_url: None | str | Unset = UNSET
    """ The URL to which Mesh posts the task when its status changes. """
    camera_fixed: bool | None | Unset = UNSET
    """ Whether the camera stands still. By default false. """
    draft: bool | None | Unset = UNSET
    """ Whether to make a cheap preview. By default false. """
    duration: int | None | Unset = UNSET
    """ The length of the video, in seconds; -1 lets the server choose. Not together with `frames`. """
    execution_expires_after: int | None | Unset = UNSET
    """ Seconds after which a task that is not finished expires. By default 172800 (48 hours). """
    frames: int | None | Unset = UNSET
    """ The number of frames in the video. Not together with `duration`. """
    generate_audio: bool | None | Unset = UNSET
    """ Whether the video has sound. The price depends on it. """
    priority: int | None | Unset = UNSET
    """ From 0 to 9. Tasks with a higher priority come first. """
    ratio: None | str | Unset = UNSET
    """ The width of the video to its height, such as `16:9`; `adaptive` lets the server choose. """
    resolution: None | str | Unset = UNSET
    """ The height of the video, such as `720p`. The model decides which ones there are. """
    return_last_frame: bool | None | Unset = UNSET
    """ Whether the task also has the last frame of the video as a picture. By default false. """
    safety_identifier: None | str | Unset = UNSET
    """ A hash that stands for the end user, at most 64 characters. """
    seed: int | None | Unset = UNSET
    """ From 0 to 4294967295; -1 lets the server choose. """
    service_tier: None | str | Unset = UNSET
    """ `default`, or `flex`, which costs less and takes longer. """
    watermark: bool | None | Unset = UNSET
    """ Whether the video has a watermark. By default false. """
    additional_properties: dict[str, Any] = _attrs_field(factory=dict, kw_only=True)
    """The fields that the document does not describe, by their names."""

    def __repr__(self) -> str:
        return _model_repr(self)

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
        d = dict(src_dict)
        content = []
        _content = d.pop("content")
        for content_item_data in _content:
            content_item = VideoContentItem.from_dict(content_item_data)

            content.append(content_item)

        model = d.pop("model")

        callback_url: None | str | Unset = d.pop("callback_url", UNSET)

        camera_fixed: bool | None | Unset = d.pop("camera_fixed", UNSET)

        draft: bool | None | Unset = d.pop("draft", UNSET)

        duration: int | None | Unset = d.pop("duration", UNSET)

        execution_expires_after: int | None | Unset = d.pop(
            "execution_expires_after", UNSET
        )

        frames: int | None | Unset = d.pop("frames", UNSET)

        generate_audio: bool | None | Unset = d.pop("generate_audio", UNSET)

        priority: int | None | Unset = d.pop("priority", UNSET)

        ratio: None | str | Unset = d.pop("ratio", UNSET)

        resolution: None | str | Unset = d.pop("resolution", UNSET)

        return_last_frame: bool | None | Unset = d.pop("return_last_frame", UNSET)

        safety_identifier: None | str | Unset = d.pop("safety_identifier", UNSET)

        seed: int | None | Unset = d.pop("seed", UNSET)

        service_tier: None | str | Unset = d.pop("service_tier", UNSET)

        watermark: bool | None | Unset = d.pop("watermark", UNSET)

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


from ..models.video_content_item import VideoContentItem  # noqa: E402
