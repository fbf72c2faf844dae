"""A model of a task can be read, compared, copied and changed like any other Python value."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

import meshapi_video
from meshapi_video import (
    UNSET,
    HTTPValidationError,
    Unset,
    ValidationError,
    ValidationErrorCtx,
    VideoContentItem,
    VideoContentItemImageUrl,
    VideoGenerationRequest,
    VideoTaskContent,
    VideoTaskListResponse,
    VideoTaskResponse,
    VideoTaskUsage,
    parse_task,
)

URL: Final = "https://cdn.example/a.mp4"
TASK: Final = parse_task(
    {
        "id": "task-1",
        "status": "succeeded",
        "content": {"video_url": URL, "poster": 7},
        "seed": None,
        "usage": {"completion_tokens": 1, "total_tokens": 2},
        "revised_prompt": {"text": "a lake"},
    }
)
SHOWN: Final = (
    "VideoTaskResponse(id='task-1', status='succeeded', "
    f"content=VideoTaskContent(video_url='{URL}', additional_properties={{'poster': 7}}), "
    "seed=None, usage=VideoTaskUsage(completion_tokens=1, total_tokens=2), "
    "additional_properties={'revised_prompt': {'text': 'a lake'}})"
)
MODELS: Final = [
    value
    for name in meshapi_video.__all__
    if isinstance(value := getattr(meshapi_video, name), type) and hasattr(value, "from_dict")
]
EXAMPLES: Final = [
    VideoTaskResponse(id="a", status="queued"),
    TASK,
    VideoTaskContent(),
    VideoTaskUsage(1, 2),
    VideoTaskListResponse(data=[TASK], has_more=False, limit=50, offset=0, total=1),
    VideoGenerationRequest(content=[VideoContentItem("image_url", image_url=VideoContentItemImageUrl(URL))], model="m"),
    HTTPValidationError(detail=[ValidationError(["body", 0], "wrong", "type", ctx=ValidationErrorCtx())]),
]


def pickled(value: object) -> Any:  # noqa: ANN401 - of any class
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - the bytes are from this test


def unset_fields(model: attrs.AttrsInstance) -> list[str]:
    return [field.name for field in attrs.fields(type(model)) if getattr(model, field.name) is UNSET]


def test_the_text_of_a_task_shows_only_what_the_server_sent() -> None:
    assert repr(TASK) == SHOWN
    assert repr(VideoTaskResponse(id="a", status="queued")) == "VideoTaskResponse(id='a', status='queued')"


def test_the_text_of_a_task_is_the_same_in_each_process() -> None:
    program = f"from meshapi_video import *; print(repr(parse_task({TASK.to_dict()!r})), UNSET)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert shown == f"{SHOWN} UNSET\n"


@pytest.mark.parametrize("model", EXAMPLES, ids=lambda each: type(each).__name__)
def test_the_text_of_a_model_is_the_python_that_makes_it(model: object) -> None:
    assert "Unset" not in repr(model)
    assert eval(repr(model), vars(meshapi_video) | {each.__name__: each for each in MODELS}) == model  # noqa: S307


def test_a_model_inside_itself_has_a_text() -> None:
    task = VideoTaskResponse(id="a", status="queued")
    task["itself"] = task
    assert repr(task) == "VideoTaskResponse(id='a', status='queued', additional_properties={'itself': ...})"


@pytest.mark.parametrize("model", MODELS, ids=lambda each: each.__name__)
def test_every_model_shows_its_text_and_keeps_unknown_fields_in_the_same_way(model: type[Any]) -> None:
    assert model.__repr__.__module__ == model.__module__
    assert attrs.fields_dict(model)["additional_properties"].init


@pytest.mark.parametrize("value", [UNSET, pickled(UNSET), copy.copy(UNSET), copy.deepcopy(UNSET)])
def test_unset_is_one_false_value_with_a_name(value: Unset) -> None:
    assert value is UNSET
    assert not value
    assert (repr(value), str(value), f"{value}") == ("UNSET", "UNSET", "UNSET")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("model", EXAMPLES, ids=lambda each: type(each).__name__)
def test_a_copied_or_unpickled_model_is_equal_and_still_unset(model: Any, copied: Callable[[object], Any]) -> None:  # noqa: ANN401
    found = copied(model)
    assert found == model
    assert found.to_dict() == model.to_dict()
    assert unset_fields(found) == unset_fields(model)


def test_a_deep_copy_shares_nothing_with_its_task() -> None:
    copied = copy.deepcopy(TASK)
    assert isinstance(copied.content, VideoTaskContent)
    copied.content["poster"] = 8
    assert copied != TASK
    assert isinstance(TASK.content, VideoTaskContent)
    assert TASK.content["poster"] == 7


def test_a_task_with_another_unknown_field_is_not_equal() -> None:
    other = parse_task(TASK.to_dict() | {"revised_prompt": "a boat"})
    assert other != TASK


def test_evolve_keeps_the_unknown_fields() -> None:
    evolved = attrs.evolve(TASK, status="failed")
    assert evolved.to_dict() == TASK.to_dict() | {"status": "failed"}
    assert evolved["revised_prompt"] == {"text": "a lake"}
    assert attrs.evolve(TASK, additional_properties={}).to_dict().keys() == TASK.to_dict().keys() - {"revised_prompt"}
