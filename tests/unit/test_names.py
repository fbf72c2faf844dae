"""Every public name exists, and the package imports other packages only when they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import meshapi_video

HEAVY = {"anyio", "attr", "attrs", "httpcore", "httpx", "mcp", "msgspec", "rich"}


def imported_after(code: str) -> set[str]:
    """The heavy packages that a new Python process has imported after it ran `code`."""
    run = f"import sys\ntry:\n    {code}\nfinally:\n    sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    return HEAVY.intersection(done.stderr.split())


def test_every_name_is_the_object_that_a_type_checker_sees() -> None:
    tree = ast.parse(Path(meshapi_video.__file__).read_text(encoding="utf-8"))
    (block,) = (part for part in tree.body if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING")
    modules = {
        alias.name: each.module for each in block.body if isinstance(each, ast.ImportFrom) for alias in each.names
    }
    assert set(modules) == set(meshapi_video.__all__) - {"__version__"}
    for name, module in modules.items():
        assert getattr(meshapi_video, name) is getattr(sys.modules[str(module)], name)


def test_dir_and_a_star_import_give_every_name() -> None:
    imported_after("import meshapi_video as m; assert set(m.__all__) <= set(dir(m))")
    namespace: dict[str, object] = {}
    exec("from meshapi_video import *", namespace)  # noqa: S102 - a star import is allowed nowhere else
    assert set(meshapi_video.__all__) <= set(namespace)


def test_an_unknown_name_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'meshapi_video' has no attribute 'VideoClent'"):
        _ = meshapi_video.VideoClent  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_package_itself_imports_no_heavy_package() -> None:
    assert imported_after("import meshapi_video") == set()
    assert imported_after("from meshapi_video import VideoClient") >= {"attrs", "httpx"}


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["wait", "--help"], ["mcp", "--help"], ["completion", "bash"]]
)
def test_a_command_without_requests_imports_no_heavy_package(arguments: list[str]) -> None:
    assert imported_after(f"sys.argv[1:] = {arguments}; from meshapi_video._cli import main; main()") == set()


def test_a_session_imports_what_a_request_needs_before_the_time_of_the_request_starts() -> None:
    script = """
import sys
from meshapi_video import VideoClient
needed = {"msgspec", "httpcore", "meshapi_video_wire", "meshapi_video._transport.api_errors"}
client = VideoClient("rsk_test")
print(sorted(needed & sys.modules.keys()))
client._session.open()
print(sorted(needed - sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"
