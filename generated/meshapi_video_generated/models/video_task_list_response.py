from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset
from ..types import model_repr as _model_repr

T = TypeVar("T", bound="VideoTaskListResponse")


@_attrs_define
class VideoTaskListResponse:
    """One page of the stored tasks."""

    data: list[VideoTaskResponse]
    """ The tasks of this page. """
    has_more: bool
    """ Whether there are tasks after this page. """
    limit: int
    """ The most tasks on one page. """
    offset: int
    """ The number of tasks before this page. """
    total: int
    """ The number of tasks on all pages. """
    object_: str | Unset = "list"
    """ Always `list`. """
    additional_properties: dict[str, Any] = _attrs_field(factory=dict, kw_only=True)
    """The fields that the document does not describe, by their names."""

    def __repr__(self) -> str:
        return _model_repr(self)

    def to_dict(self) -> dict[str, Any]:
        data = []
        for data_item_data in self.data:
            data_item = data_item_data.to_dict()
            data.append(data_item)

        has_more = self.has_more

        limit = self.limit

        offset = self.offset

        total = self.total

        object_ = self.object_

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "data": data,
                "has_more": has_more,
                "limit": limit,
                "offset": offset,
                "total": total,
            }
        )
        if object_ is not UNSET:
            field_dict["object"] = object_

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        data = []
        _data = d.pop("data")
        for data_item_data in _data:
            data_item = VideoTaskResponse.from_dict(data_item_data)

            data.append(data_item)

        has_more = d.pop("has_more")

        limit = d.pop("limit")

        offset = d.pop("offset")

        total = d.pop("total")

        object_ = d.pop("object", UNSET)

        video_task_list_response = cls(
            data=data,
            has_more=has_more,
            limit=limit,
            offset=offset,
            total=total,
            object_=object_,
        )

        video_task_list_response.additional_properties = d
        return video_task_list_response

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


from ..models.video_task_response import VideoTaskResponse  # noqa: E402
