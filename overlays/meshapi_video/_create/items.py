"""The content of a request: the prompt, and pictures, videos and sounds, checked before a file is read whole."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from meshapi_video._create.content import Media
from meshapi_video._create.media import MEGABYTE, Inspected, check_address, data_uri, inspect
from meshapi_video._create.mistakes import A_TEXT, Mistakes, is_text, shown
from meshapi_video._create.models import takes_sound_alone
from meshapi_video_generated.models import VideoContentItem

LARGEST_BODY: Final = 64 * MEGABYTE
"""Bytes of a whole request, as the API documents it."""


def content_items(
    model: str, prompt: str | None, content: Iterable[Media | VideoContentItem], mistakes: Mistakes
) -> list[VideoContentItem]:
    """The content of the request: the prompt first. Files are read only if there is no mistake anywhere."""
    items: list[VideoContentItem] = []
    if prompt is not None and not is_text(prompt):
        mistakes.add(f"prompt should be {A_TEXT}, or left out; it is {shown(prompt)}")
    elif prompt is not None:
        items.append(VideoContentItem(type_="text", text=prompt))
    given = _checked_content(prompt, content, mistakes)
    _check_together(model, prompt, [*given.values()], mistakes)
    inspected = _inspect_all(given, mistakes)
    if mistakes:
        return items
    for index, item in given.items():
        if isinstance(item, Media):
            try:
                source = item.source
                url = source if isinstance(source, str) else data_uri(source, inspected[index])
                field = f"{item.kind}_url"
                items.append(VideoContentItem.from_dict({"type": field, field: {"url": url}, "role": item.role}))
            except ValueError as error:
                mistakes.add(f"content[{index}], {item!r}: {error}")
        else:
            # The caller may change the original while the request waits for its next attempt.
            items.append(copy.deepcopy(item))
    return items


def _checked_content(
    prompt: str | None, content: Iterable[Media | VideoContentItem], mistakes: Mistakes
) -> dict[int, Media | VideoContentItem]:
    """The items by their index, without those that are none."""
    # Not its contents, which may be many megabytes.
    kind = type(content).__name__
    if isinstance(content, str | bytes | Mapping | Media | VideoContentItem) or not isinstance(content, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        mistakes.add(f"content should be a list, such as [first_frame('cat.png')]; it is of the type {kind}")
        return {}
    given = dict(enumerate(content))
    if prompt is None and not given:
        mistakes.add("prompt and content are both missing: pass at least one of them")
    for index, item in [*given.items()]:
        if not isinstance(item, Media | VideoContentItem):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            mistakes.add(
                f"content[{index}] should come from first_frame, last_frame, reference_image, reference_video or "
                f"reference_audio, or be a VideoContentItem; it is {type(item).__name__}"
            )
            del given[index]
        elif isinstance(item, VideoContentItem) and not is_text(item.type_):
            mistakes.add(f"content[{index}].type_ should be {A_TEXT}, such as 'text'; it is {shown(item.type_)}")
    return given


def _check_together(model: str, prompt: str | None, given: list[Media | VideoContentItem], mistakes: Mistakes) -> None:
    """Adds the mistakes in what stands together."""
    roles = Counter(str(item.role) for item in given)
    types = Counter(f"{item.kind}_url" if isinstance(item, Media) else str(item.type_) for item in given)
    frames = roles["first_frame"] + roles["last_frame"]
    references = sum(count for role, count in roles.items() if role.startswith("reference_"))
    for role in ("first_frame", "last_frame"):
        if roles[role] > 1:
            mistakes.add(f"content has {roles[role]} items that are a {role}: pass one")
    if roles["last_frame"] and not roles["first_frame"]:
        mistakes.add("content has a last_frame without a first_frame: pass both, or only a first_frame")
    if frames and references:
        mistakes.add("content has first or last frames and references, which exclude each other: pass one sort")
    if types["draft_task"] and (prompt is not None or len(given) > 1):
        mistakes.add("content has a draft_task, which stands alone: leave out the prompt and the other items")
    is_sound_alone = types["audio_url"] > 0 and types["audio_url"] == len(given) and prompt is None
    if is_sound_alone and not (isinstance(model, str) and takes_sound_alone(model)):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        mistakes.add("content has sounds alone: add a picture, a video or a prompt")


def _inspect_all(given: dict[int, Media | VideoContentItem], mistakes: Mistakes) -> dict[int, Inspected]:
    """The sizes and types of files and bytes, by the index of the item. Reads only the beginning of each file."""
    inspected: dict[int, Inspected] = {}
    size = 0
    for index, item in given.items():
        if not isinstance(item, Media):
            continue
        try:
            if isinstance(item.source, str):
                check_address(item.source, item.kind)
                size += len(item.source)
            else:
                inspected[index] = inspect(item.source, item.kind)
                size += inspected[index].encoded_size
        except ValueError as error:
            mistakes.add(f"content[{index}], {item!r}: {error}")
    if size > LARGEST_BODY:
        mistakes.add(too_large("content", size))
    return inspected


def too_large(name: str, size: int) -> str:
    """The mistake of a request of `size` bytes."""
    return (
        f"{name} needs {size:,} bytes as JSON, more than the {LARGEST_BODY:,} that the API allows for a request: "
        "make the files smaller, or pass URLs"
    )
