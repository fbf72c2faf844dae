"""Every name of the package is there, and what it needs is imported no sooner than it is asked for."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import meshapi_video

HEAVY = {"anyio", "attr", "attrs", "httpcore", "httpx", "msgspec", "rich"}


def imported_after(code: str) -> set[str]:
    """What of the heavy packages a fresh Python has imported after running this."""
    run = f"import sys\ntry:\n    {code}\nfinally:\n    sys.stderr.write(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    return HEAVY.intersection(done.stderr.split())


def test_every_name_is_what_a_type_checker_takes_it_for() -> None:
    tree = ast.parse(Path(meshapi_video.__file__).read_text(encoding="utf-8"))
    (seen,) = (part for part in tree.body if isinstance(part, ast.If) and ast.unparse(part.test) == "TYPE_CHECKING")
    homes = {alias.name: each.module for each in seen.body if isinstance(each, ast.ImportFrom) for alias in each.names}
    assert set(homes) == set(meshapi_video.__all__) - {"__version__"}
    for name, home in homes.items():
        assert getattr(meshapi_video, name) is getattr(sys.modules[str(home)], name)


def test_every_name_is_seen_by_dir_and_comes_with_a_star() -> None:
    imported_after("import meshapi_video as m; assert set(m.__all__) <= set(dir(m))")
    everything: dict[str, object] = {}
    exec("from meshapi_video import *", everything)  # noqa: S102 - nowhere else may a star stand
    assert set(meshapi_video.__all__) <= set(everything)


def test_a_name_that_there_is_not_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="module 'meshapi_video' has no attribute 'VideoClent'"):
        _ = meshapi_video.VideoClent  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_package_itself_imports_next_to_nothing() -> None:
    assert imported_after("import meshapi_video") == set()
    assert imported_after("from meshapi_video import VideoClient") >= {"attrs", "httpx", "msgspec"}


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["wait", "--help"], ["completion", "bash"]])
def test_what_the_command_says_without_asking_anybody_imports_nothing_heavy(arguments: list[str]) -> None:
    assert imported_after(f"sys.argv[1:] = {arguments}; from meshapi_video._cli import main; main()") == set()
