from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset
from ..types import model_repr as _model_repr

T = TypeVar("T", bound="VideoContentItem")


@_attrs_define
class VideoContentItem:
    """One part of a request's content. Its type says which of the other fields is set."""

    type_: str
    """ `text`, `image_url`, `video_url`, `audio_url` or `draft_task`: the name of the field that is set. """
    audio_url: None | Unset | VideoContentItemAudioUrl = UNSET
    """ A sound. """
    draft_task: None | Unset | VideoContentItemDraftTask = UNSET
    """ A draft, which stands alone in the content. """
    image_url: None | Unset | VideoContentItemImageUrl = UNSET
    """ A picture. """
    role: None | str | Unset = UNSET
    """ The part of a picture, video or sound: `first_frame`, `last_frame`, `reference_image`, `reference_video` or
    `reference_audio`. """
    text: None | str | Unset = UNSET
    """ The text that describes the video. """
    video_url: None | Unset | VideoContentItemVideoUrl = UNSET
    """ A video. """
    additional_properties: dict[str, Any] = _attrs_field(factory=dict, kw_only=True)
    """The fields that the document does not describe, by their names."""

    def __repr__(self) -> str:
        return _model_repr(self)

    def to_dict(self) -> dict[str, Any]:
        type_ = self.type_

        audio_url: dict[str, Any] | None | Unset
        if isinstance(self.audio_url, Unset):
            audio_url = UNSET
        elif isinstance(self.audio_url, VideoContentItemAudioUrl):
            audio_url = self.audio_url.to_dict()
        else:
            audio_url = self.audio_url

        draft_task: dict[str, Any] | None | Unset
        if isinstance(self.draft_task, Unset):
            draft_task = UNSET
        elif isinstance(self.draft_task, VideoContentItemDraftTask):
            draft_task = self.draft_task.to_dict()
        else:
            draft_task = self.draft_task

        image_url: dict[str, Any] | None | Unset
        if isinstance(self.image_url, Unset):
            image_url = UNSET
        elif isinstance(self.image_url, VideoContentItemImageUrl):
            image_url = self.image_url.to_dict()
        else:
            image_url = self.image_url

        role: None | str | Unset
        if isinstance(self.role, Unset):
            role = UNSET
        else:
            role = self.role

        text: None | str | Unset
        if isinstance(self.text, Unset):
            text = UNSET
        else:
            text = self.text

        video_url: dict[str, Any] | None | Unset
        if isinstance(self.video_url, Unset):
            video_url = UNSET
        elif isinstance(self.video_url, VideoContentItemVideoUrl):
            video_url = self.video_url.to_dict()
        else:
            video_url = self.video_url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "type": type_,
            }
        )
        if audio_url is not UNSET:
            field_dict["audio_url"] = audio_url
        if draft_task is not UNSET:
            field_dict["draft_task"] = draft_task
        if image_url is not UNSET:
            field_dict["image_url"] = image_url
        if role is not UNSET:
            field_dict["role"] = role
        if text is not UNSET:
            field_dict["text"] = text
        if video_url is not UNSET:
            field_dict["video_url"] = video_url

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        type_ = d.pop("type")

        def _parse_audio_url(data: object) -> None | Unset | VideoContentItemAudioUrl:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                audio_url_type_0 = VideoContentItemAudioUrl.from_dict(data)

                return audio_url_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast("None | Unset | VideoContentItemAudioUrl", data)

        audio_url = _parse_audio_url(d.pop("audio_url", UNSET))

        def _parse_draft_task(data: object) -> None | Unset | VideoContentItemDraftTask:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                draft_task_type_0 = VideoContentItemDraftTask.from_dict(data)

                return draft_task_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast("None | Unset | VideoContentItemDraftTask", data)

        draft_task = _parse_draft_task(d.pop("draft_task", UNSET))

        def _parse_image_url(data: object) -> None | Unset | VideoContentItemImageUrl:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                image_url_type_0 = VideoContentItemImageUrl.from_dict(data)

                return image_url_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast("None | Unset | VideoContentItemImageUrl", data)

        image_url = _parse_image_url(d.pop("image_url", UNSET))

        role: None | str | Unset = d.pop("role", UNSET)

        text: None | str | Unset = d.pop("text", UNSET)

        def _parse_video_url(data: object) -> None | Unset | VideoContentItemVideoUrl:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                video_url_type_0 = VideoContentItemVideoUrl.from_dict(data)

                return video_url_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast("None | Unset | VideoContentItemVideoUrl", data)

        video_url = _parse_video_url(d.pop("video_url", UNSET))

        video_content_item = cls(
            type_=type_,
            audio_url=audio_url,
            draft_task=draft_task,
            image_url=image_url,
            role=role,
            text=text,
            video_url=video_url,
        )

        video_content_item.additional_properties = d
        return video_content_item

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


from ..models.video_content_item_audio_url import VideoContentItemAudioUrl  # noqa: E402
from ..models.video_content_item_draft_task import VideoContentItemDraftTask  # noqa: E402
from ..models.video_content_item_image_url import VideoContentItemImageUrl  # noqa: E402
from ..models.video_content_item_video_url import VideoContentItemVideoUrl  # noqa: E402
