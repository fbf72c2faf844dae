"""Values of JSON and of generated classes: how they are made, compared and shown."""

from __future__ import annotations

import datetime
import enum
import json
import re
import uuid
from typing import Any, TypeGuard

# JSON, and objects of generated classes, can have any shape.
Json = Any


def is_object(value: object) -> TypeGuard[dict[str, Json]]:
    """Whether a value is an object of JSON."""
    return isinstance(value, dict)


def is_list(value: object) -> TypeGuard[list[Json]]:
    """Whether a value is an array of JSON."""
    return isinstance(value, list)


def parse_float(text: str) -> float:
    """A number of JSON. A whole one is an integer, as in JSON Schema."""
    value = float(text)
    return int(value) if value.is_integer() else value


def built(value: Json, model: Json) -> Json:
    """An object of a generated class from JSON."""
    return model.from_dict(value) if hasattr(model, "from_dict") else model(value)


def plain(value: Json) -> Json:
    """A value of the generated client as JSON."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if is_list(value):
        return [plain(item) for item in value]
    return value


def difference(back: object, given: object) -> str:
    """How a value differs from the given one; empty if it does not."""
    if canonical(back) == canonical(given):
        return ""
    return f"comes back from the model as {shown(back)}"


def shown(value: object) -> str:
    """A value as a short text for a message."""
    text = without_addresses(json.dumps(value, default=repr, ensure_ascii=False))
    return text if len(text) <= 200 else f"{text[:197]}..."


def canonical(value: object) -> str:
    """The same text for the same JSON: 1 and 1.0 are one number, and true is none."""
    return json.dumps(_whole(value), sort_keys=True, default=repr)


def _whole(value: Json) -> Json:
    if is_object(value):
        return {key: _whole(inner) for key, inner in value.items()}
    if is_list(value):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_addresses(text: str) -> str:
    """A text without the addresses of objects, which differ from run to run."""
    return re.sub(r" object at 0x[0-9a-f]+", "", text)
