"""Operations that nobody has seen yet come out well: two more pages in the published style, no hand edit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from codegen.document import ROOT
from codegen.levels import Change, Level
from codegen.regenerate import CLIENT
from codegen.report import report

CONSUMER = """
from typing import Any, assert_type

from meshapi_video_generated import AuthenticatedClient
from meshapi_video_generated.api.video import (
    create_video_generation,
    get_video_generation,
    list_video_generations,
)
from meshapi_video_generated.models import (
    HTTPValidationError,
    VideoContentItem,
    VideoContentItemType,
    VideoGenerationCreated,
    VideoGenerationRequest,
    VideoGenerationSettings,
    VideoTaskList,
    VideoTaskResponse,
)

client = AuthenticatedClient("https://api.example", token="")
body = VideoGenerationRequest(
    prompt="a cat",
    content=[VideoContentItem(type_=VideoContentItemType.TEXT, text=None)],
    settings=VideoGenerationSettings(duration=10, seed=None),
)
created = create_video_generation.sync_detailed(client=client, body=body)
assert_type(created.parsed, Any | HTTPValidationError | VideoGenerationCreated | None)
tasks = list_video_generations.sync_detailed(client=client, limit=50, offset=0, status=None)
assert_type(tasks.parsed, Any | HTTPValidationError | VideoTaskList | None)
if isinstance(tasks.parsed, VideoTaskList):
    assert_type(tasks.parsed.data, list[VideoTaskResponse])
    assert_type(tasks.parsed.has_more, bool)
"""


def test_new_operations_get_modules_of_sensible_names(base: Path) -> None:
    modules = sorted(path.stem for path in (base / CLIENT / "api" / "video").glob("[a-z]*.py"))
    assert modules == ["create_video_generation", "get_video_generation", "list_video_generations"]


def test_no_new_function_takes_the_key_and_all_of_them_need_it(base: Path) -> None:
    for module in (base / CLIENT / "api" / "video").glob("[a-z]*.py"):
        source = module.read_text(encoding="utf-8")
        assert "client: AuthenticatedClient,\n" in source
        assert "authorization" not in source


def test_new_functions_and_models_are_fully_typed(base: Path, tmp_path: Path) -> None:
    consumer = tmp_path / "consumer.py"
    consumer.write_text(CONSUMER, encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), str(consumer)],
        env={**os.environ, "MYPYPATH": str(base)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == "Success: no issues found in 1 source file\n"


def test_the_report_calls_new_operations_additive(fresh: Path, base: Path) -> None:
    grown = report(fresh, base)
    assert grown.level is Level.ADDITIVE, grown.markdown()
    assert (
        Change(
            Level.ADDITIVE,
            "#/paths/~1v1~1video~1generations/post",
            "There is a new function, `video.create_video_generation`.",
        )
        in grown.document
    )
    assert grown.breaking_api == []


# They take long, and hold what no document changes: the wire, threads, processes, time.
NOT_OF_THE_DOCUMENT = [
    *(f"tests/unit/test_{name}_properties.py" for name in ("polling", "schedule")),
    *(f"tests/drivers/test_{name}.py" for name in ("cancelling", "faults", "leaving", "many", "sharing", "stopping")),
    *(f"tests/integration/test_sandbox_{name}.py" for name in ("docs", "holds", "process")),
]


def test_the_existing_tests_pass_unchanged_on_the_grown_code(base: Path) -> None:
    tested = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-n",
            "auto",
            "--dist",
            "loadfile",
            "tests/unit",
            "tests/drivers",
            "tests/integration",
            *(f"--ignore={path}" for path in NOT_OF_THE_DOCUMENT),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(base)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout
