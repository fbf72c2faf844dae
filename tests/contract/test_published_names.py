"""The published names change only on purpose: `nox -s names` writes `published_names.txt` again."""

from __future__ import annotations

import difflib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, ForwardRef, Protocol

import pytest

import meshapi_video

SNAPSHOT: Final = Path(__file__).with_name("published_names.txt")
PUBLISHED: Final[dict[str, Any]] = {name: getattr(meshapi_video, name, None) for name in meshapi_video.__all__}
PROTOCOLS: Final = {
    "__init__", "__enter__", "__exit__", "__aenter__", "__aexit__", "__iter__", "__next__", "__aiter__", "__anext__",
    "__getitem__", "__setitem__", "__delitem__", "__contains__", "__len__", "__bool__", "__call__",
}  # fmt: skip


PROMISED: Final = {
    "VideoClient", "AsyncVideoClient", "Video", "PollPolicy", "TERMINAL_STATUSES", "is_terminal", "parse_task",
    "VideoTaskResponse", "VideoTaskContent", "VideoTaskError", "VideoTaskUsage",
    "HTTPValidationError", "ValidationError", "ValidationErrorCtx", "UNSET", "Unset",
    "AdaptivePolicy", "WaitResult", "WaitToken", "WaitProgress", "PendingTask",
    "Updates", "AsyncUpdates", "WaitResults", "AsyncWaitResults",
}  # fmt: skip
ERRORS: Final = {
    "MeshVideoError": "Exception",
    "APIError": "MeshVideoError",
    "AuthenticationError": "APIError",
    "PaymentRequiredError": "APIError",
    "PermissionDeniedError": "APIError",
    "NotFoundError": "APIError",
    "RequestRejectedError": "APIError",
    "RateLimitedError": "APIError",
    "ServerError": "APIError",
    "ConnectionFailed": "MeshVideoError",
    "ConnectionTimeout": "ConnectionFailed",
    "InvalidResponse": "MeshVideoError",
    "TaskError": "MeshVideoError",
    "TaskFailed": "TaskError",
    "TaskExpired": "TaskError",
    "TaskCancelled": "TaskError",
    "WaitUnfinished": "MeshVideoError",
    "WaitTimeout": "WaitUnfinished",
    "WaitStopped": "WaitUnfinished",
    "DownloadError": "MeshVideoError",
}


def snapshot() -> str:
    """Every published name with its signature, like a stub file."""
    return "\n".join(line for name in sorted(PUBLISHED) for line in (*_described(name, PUBLISHED[name]), ""))


def _described(name: str, value: object) -> Iterator[str]:
    if inspect.isclass(value):
        bases = ", ".join(base.__name__ for base in _public_bases(value))
        yield f"class {name}({bases})" if bases else f"class {name}"
        yield from (f"    {member}" for member in _members(value))
    elif inspect.isfunction(value):
        yield _function(name, value)
    else:
        yield f"{name}: {_constant_type(name, value)}"


def _public_bases(cls: type) -> list[type]:
    return [base for base in cls.__bases__ if base is not object and not _is_private(base)]


def _is_private(cls: type) -> bool:
    return cls.__module__.startswith("meshapi_video.") and cls.__name__ not in PUBLISHED


def _constant_type(name: str, value: object) -> str:
    for module in [module for at, module in sorted(sys.modules.items()) if at.startswith("meshapi_video")]:
        written = inspect.get_annotations(module)
        if name in written:
            return _text(written[name])
    return type(value).__name__


def _members(cls: type) -> Iterator[str]:
    annotated = {name: how for name, how in inspect.get_annotations(cls).items() if not name.startswith("_")}
    for name, annotation in annotated.items():
        yield f"{name}: {_text(annotation)}"
    for name, member in sorted(vars(cls).items()):
        if name in annotated or (name.startswith("_") and name not in PROTOCOLS):
            continue
        if name == "__init__" and Protocol in cls.__bases__:
            # `typing` adds it.
            continue
        if isinstance(member, property):
            assert member.fget is not None
            yield f"@property {_function(name, member.fget)}"
        elif (wrapped := type(member).__name__) in {"classmethod", "staticmethod"}:
            yield f"@{wrapped} {_function(name, member.__func__)}"
        elif inspect.isfunction(member):
            yield _function(name, member)


def _function(name: str, function: Callable[..., object]) -> str:
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=_Annotation.of(parameter.annotation), default=_Default.of(parameter.default))
        for parameter in signature.parameters.values()
    ]
    between = str(signature.replace(parameters=parameters, return_annotation=signature.empty))[1:-1].split(", ")
    # In a diff, a long line would hide its change.
    lines = ", ".join(between) if len(between) <= 3 else "".join(f"\n        {one}," for one in between) + "\n    "
    returns = f" -> {_text(signature.return_annotation)}"
    return f"{'async ' * inspect.iscoroutinefunction(function)}def {name}({lines}){returns}".replace(_SPACE, " ")


# Distinguishes the commas inside an annotation from the commas between parameters.
_SPACE: Final = "\N{NO-BREAK SPACE}"


class _Annotation:
    """Replaces an annotation in a signature, because the Python versions print some of them differently."""

    def __init__(self, text: str) -> None:
        self._text = text.replace(" ", _SPACE)

    def __repr__(self) -> str:
        return self._text

    @classmethod
    def of(cls, value: object) -> object:
        return value if value is inspect.Parameter.empty else cls(_text(value))


class _Default(_Annotation):
    @classmethod
    def of(cls, value: object) -> object:
        published = [name for name, one in PUBLISHED.items() if one is value]
        return value if value is inspect.Parameter.empty else cls(published[0] if published else repr(value))


def _text(annotation: object) -> str:
    match annotation:
        case str():
            return annotation
        case ForwardRef():
            return annotation.__forward_arg__
        case _:
            return inspect.formatannotation(annotation)


def test_the_published_names_are_those_of_the_snapshot() -> None:
    written = SNAPSHOT.read_text(encoding="utf-8") if SNAPSHOT.exists() else ""
    changes = "\n".join(
        difflib.unified_diff(
            written.splitlines(), snapshot().splitlines(), f"{SNAPSHOT.name} (committed)", "meshapi_video", lineterm=""
        )
    )
    if changes:
        pytest.fail(f"What users import has changed:\n{changes}\nIf it should: nox -s names", pytrace=False)


@pytest.mark.parametrize("name", sorted(meshapi_video.__all__))
def test_a_published_name_can_be_imported(name: str) -> None:
    assert hasattr(meshapi_video, name)


@pytest.mark.parametrize(
    "name", sorted(name for name, value in PUBLISHED.items() if inspect.isclass(value) or inspect.isfunction(value))
)
def test_a_published_class_or_function_is_documented(name: str) -> None:
    assert PUBLISHED[name].__doc__


def test_the_promised_names_are_published() -> None:
    assert (PROMISED | ERRORS.keys()) - PUBLISHED.keys() == set()


@pytest.mark.parametrize(("name", "base"), ERRORS.items())
def test_the_errors_form_the_promised_tree(name: str, base: str) -> None:
    assert PUBLISHED[name].__bases__[0].__name__ == base


@pytest.mark.parametrize("name", ["WaitTimeout", "ConnectionTimeout"])
def test_a_timeout_is_also_a_timeout_error_of_python(name: str) -> None:
    assert issubclass(PUBLISHED[name], TimeoutError)


PRIVATE_TYPES: Final = {
    name: value
    for module_name, module in list(sys.modules.items())
    if module_name.startswith("meshapi_video.")
    for name, value in vars(module).items()
    if inspect.isclass(value) and _is_private(value)
}


def test_the_private_types_of_the_sdk_are_known() -> None:
    assert {"PollState", "Poller", "Session", "AsyncSession", "Scheduler", "BaseClient"} <= PRIVATE_TYPES.keys()


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_no_published_name_mentions_a_private_type(name: str) -> None:
    mentioned = set(re.findall(r"\w+", "\n".join(_described(name, PUBLISHED[name]))))
    assert mentioned & PRIVATE_TYPES.keys() == set()


@pytest.mark.parametrize("name", sorted(name for name, value in PUBLISHED.items() if inspect.isclass(value)))
def test_a_private_base_of_a_published_class_has_no_public_member(name: str) -> None:
    for base in filter(_is_private, PUBLISHED[name].__mro__):
        assert [member for member in vars(base) if not member.startswith("_")] == []


if __name__ == "__main__":
    SNAPSHOT.write_text(snapshot(), encoding="utf-8")
