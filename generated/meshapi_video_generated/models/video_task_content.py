from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset
from ..types import model_repr as _model_repr

T = TypeVar("T", bound="VideoTaskContent")


@_attrs_define
class VideoTaskContent:
    """The result of a video task."""

    last_frame_url: None | str | Unset = UNSET
    """ The URL of the last frame as a picture, valid for 24 hours. It is signed, and needs no API key. """
    video_url: None | str | Unset = UNSET
    """ The URL of the video, valid for 24 hours. It is signed, and needs no API key. """
    additional_properties: dict[str, Any] = _attrs_field(factory=dict, kw_only=True)
    """The fields that the document does not describe, by their names."""

    def __repr__(self) -> str:
        return _model_repr(self)

    def to_dict(self) -> dict[str, Any]:
        last_frame_url: None | str | Unset
        if isinstance(self.last_frame_url, Unset):
            last_frame_url = UNSET
        else:
            last_frame_url = self.last_frame_url

        video_url: None | str | Unset
        if isinstance(self.video_url, Unset):
            video_url = UNSET
        else:
            video_url = self.video_url

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if last_frame_url is not UNSET:
            field_dict["last_frame_url"] = last_frame_url
        if video_url is not UNSET:
            field_dict["video_url"] = video_url

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        last_frame_url: None | str | Unset = d.pop("last_frame_url", UNSET)

        video_url: None | str | Unset = d.pop("video_url", UNSET)

        video_task_content = cls(
            last_frame_url=last_frame_url,
            video_url=video_url,
        )

        video_task_content.additional_properties = d
        return video_task_content

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
