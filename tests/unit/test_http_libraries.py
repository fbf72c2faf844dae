"""The SDK uses the HTTP library that the generated code imports: httpx, or httpx2 once the generator writes that."""

from __future__ import annotations

import runpy
import sys
from types import ModuleType

import httpcore
import httpx
import pytest

from meshapi_video import _http_libraries
from support.forked_httpx import forked_httpx

PATH = str(_http_libraries.__file__)


def test_the_sdk_uses_the_library_that_the_generated_code_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _http_libraries.httpx is httpx
    assert _http_libraries.httpcore is httpcore
    httpx2, httpcore2 = ModuleType("httpx2"), ModuleType("httpcore2")
    monkeypatch.setitem(sys.modules, "httpcore2", httpcore2)
    monkeypatch.delattr("meshapi_video_generated.client.httpx")
    monkeypatch.setattr("meshapi_video_generated.client.httpx2", httpx2, raising=False)
    regenerated = runpy.run_path(PATH)
    assert regenerated["httpx"] is httpx2
    assert regenerated["__getattr__"]("httpcore") is httpcore2


def test_a_name_that_the_libraries_module_lacks_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'meshapi_video\._http_libraries' has no attribute 'htpx'"):
        _ = _http_libraries.htpx  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_errors_of_both_libraries_are_caught_by_one_name() -> None:
    with forked_httpx() as httpx2:
        errors = _http_libraries.errors_named("TimeoutException")
        assert {*errors} == {httpx.TimeoutException, httpx2.TimeoutException}
        assert issubclass(httpx2.ReadTimeout, errors)
