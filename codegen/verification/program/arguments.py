"""Makes the arguments of generated functions from JSON."""

from __future__ import annotations

import contextlib
import datetime
import enum
import json
import types
import typing
import uuid
from typing import Any

from .values import Json, built, canonical, is_list, plain, shown

_UNIONS: tuple[object, ...] = (typing.Union, types.UnionType)


def encoded(value: Json) -> Json:
    """A value of a multipart form in which files are texts, with bytes for the files."""
    if is_list(value):
        return [encoded(item) for item in value]
    return value.encode() if isinstance(value, str) else value


def text_of(value: Json) -> Json:
    """A value of a multipart form, in which booleans are texts."""
    if is_list(value):
        return [text_of(item) for item in value]
    return json.dumps(value) if isinstance(value, bool) else value


def argument(value: Json, hint: Json) -> Json:
    """A value of JSON as an argument of the type `hint`."""
    members = typing.get_args(hint)
    if typing.get_origin(hint) in _UNIONS:
        for member in members:
            with contextlib.suppress(TypeError, ValueError, KeyError, AttributeError):
                made = argument(value, member)
                if canonical(plain(made)) == canonical(value) or (str in members and isinstance(made, str)):
                    return made
        raise TypeError(f"no type of {hint} has the value {shown(value)}")
    if members and is_list(value):
        return [argument(item, members[0]) for item in value]
    if hint in {datetime.datetime, datetime.date}:
        return hint.fromisoformat(value)
    if hint is str and isinstance(value, bool | int | float):
        # The type is `str` where the generated code would write another value as Python does.
        return json.dumps(value)
    if isinstance(hint, type) and hint is not Any:
        if hasattr(hint, "from_dict") or issubclass(hint, enum.Enum | uuid.UUID):
            return built(value, hint)
        _check_type(value, typing.cast("Json", hint))
    return value


def _check_type(value: Json, hint: Json) -> None:
    fits = isinstance(value, int | float) if hint is float else isinstance(value, hint)
    if not fits or isinstance(value, bool) is not (hint is bool):
        raise TypeError(f"{shown(value)} is not of the type {hint}")
