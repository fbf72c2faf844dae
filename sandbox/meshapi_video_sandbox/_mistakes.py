"""Says what is wrong with a value of a request, and what is allowed in its place."""

from __future__ import annotations

import difflib
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import msgspec
import msgspec.inspect

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator


@contextmanager
def explained(value: object, target: object, path: str = "$") -> Generator[None]:
    """Makes a `msgspec.ValidationError` say what is allowed, while this value is converted to this type.

    `path` is where the value stands in the request.
    """
    try:
        yield
    except msgspec.ValidationError as error:
        wrong = next(_wrong_names(value, msgspec.inspect.type_info(target), path), None)
        if wrong is None:
            message, _, below = str(error).partition(" - at `$")
            wrong = f"{message} - at `{path}{below or '`'}"
        raise msgspec.ValidationError(wrong) from error


def not_allowed(problem: str, given: object, allowed: Iterable[str]) -> str:
    """The message for a name that is not one of the allowed ones; `problem` says what is wrong with it."""
    by_lower_case = {name.lower(): name for name in allowed}
    wanted = str(given).lower()
    close = difflib.get_close_matches(wanted, by_lower_case, 1) or [
        name for name in by_lower_case if wanted and name.startswith(wanted)
    ]
    hint = f" Did you mean {by_lower_case[close[0]]!r}?" if close else ""
    return f"{problem}.{hint} Choose from {', '.join(by_lower_case.values())}"


def _wrong_names(value: object, allowed: msgspec.inspect.Type, path: str) -> Iterator[str]:
    """What to say of each name that is not allowed, of fields and of values. Other mistakes are left out."""
    match allowed:
        case msgspec.inspect.LiteralType() if value not in allowed.values:
            problem = f"`{path.rpartition('.')[2]}` cannot be {value!r}"
            yield f"{not_allowed(problem, value, map(str, allowed.values))} - at `{path}`"
        case msgspec.inspect.StructType() if value is not None:
            yield from _wrong_fields(value, allowed, path)
        case msgspec.inspect.ListType() if isinstance(value, list):
            for number, one in enumerate(cast("list[object]", value)):
                yield from _wrong_names(one, allowed.item_type, f"{path}[{number}]")
        case msgspec.inspect.UnionType() if value is not None:
            for one in allowed.types:
                yield from _wrong_names(value, one, path)
        case _:
            pass


def _wrong_fields(value: object, allowed: msgspec.inspect.StructType, path: str) -> Iterator[str]:
    fields = {field.encode_name: field.type for field in allowed.fields}
    if not isinstance(value, dict):
        yield f"should be an object with names out of {', '.join(fields)}, not {value!r} - at `{path}`"
        return
    for name, one in cast("dict[str, object]", value).items():
        if name in fields:
            yield from _wrong_names(one, fields[name], f"{path}.{name}")
        elif allowed.forbid_unknown_fields:
            yield f"{not_allowed(f'`{name}` cannot be set', name, fields)} - at `{path}`"
