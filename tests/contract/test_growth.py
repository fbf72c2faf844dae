"""New operations of the publisher need no change by hand: two more pages in the published style show it."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import meshapi_video_generated
from codegen.diff.report import compare_generated
from codegen.diff.severity import Change, Severity
from codegen.document import GENERATED, ROOT
from codegen.file_diff import read_files
from codegen.regenerate import CLIENT
from contract.generating import imported_as

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


def test_new_operations_get_readable_module_names(grown_code: Path) -> None:
    modules = sorted(path.stem for path in (grown_code / CLIENT / "api" / "video").glob("[a-z]*.py"))
    assert modules == ["create_video_generation", "get_video_generation", "list_video_generations"]


def test_new_functions_need_the_key_and_do_not_take_it_as_an_argument(grown_code: Path) -> None:
    for module in (grown_code / CLIENT / "api" / "video").glob("[a-z]*.py"):
        source = module.read_text(encoding="utf-8")
        assert "client: AuthenticatedClient,\n" in source
        assert "authorization" not in source


def test_new_functions_and_models_are_fully_typed(grown_code: Path, tmp_path: Path) -> None:
    consumer = tmp_path / "consumer.py"
    consumer.write_text(CONSUMER, encoding="utf-8")
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir", str(tmp_path), str(consumer)],
        env={**os.environ, "MYPYPATH": str(grown_code)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stdout == "Success: no issues found in 1 source file\n"


def test_a_grown_package_can_be_imported_beside_the_committed_one(grown_code: Path) -> None:
    with imported_as("grown_client", grown_code) as grown:
        create = importlib.import_module("grown_client.api.video.create_video_generation")
        assert list(inspect.signature(create.sync_detailed).parameters) == ["client", "body"]
        assert grown.AuthenticatedClient is not meshapi_video_generated.AuthenticatedClient
    assert "grown_client.api" not in sys.modules


def test_new_operations_are_additive(first_page_code: Path, grown_code: Path) -> None:
    report = compare_generated(first_page_code, grown_code)
    assert report.severity is Severity.ADDITIVE, report.markdown()
    assert (
        Change(
            Severity.ADDITIVE,
            "#/paths/~1v1~1video~1generations/post",
            "The function `video.create_video_generation` was added.",
        )
        in report.document
    )
    assert report.breaking_api == []


# These tests take long, and no document changes what they test: the network, threads, processes, time, the sandbox.
INDEPENDENT_OF_THE_DOCUMENT = [
    f"tests/{pattern}*.py"
    for pattern in (
        "unit/test_adaptive",
        "unit/test_addresses",
        "unit/test_benchmarks",
        "unit/test_create_journal",
        "unit/test_deadline",
        "unit/test_download_",
        "unit/test_lower_bounds",
        "unit/test_msgspec_types",
        "unit/test_mutants",
        "unit/test_number_properties",
        "unit/test_partial_file",
        "unit/test_poll_boundaries",
        "unit/test_poll_state_properties",
        "unit/test_schedul",
        "unit/test_waiting_costs",
        "drivers/test_cancellation",
        "drivers/test_clients",
        "drivers/test_deadlines",
        "drivers/test_download",
        "drivers/test_ending_early",
        "drivers/test_event_loops",
        "drivers/test_faults",
        "drivers/test_hints",
        "drivers/test_httpx2",
        "drivers/test_kept_connections",
        "drivers/test_kills",
        "drivers/test_mocks",
        "drivers/test_outages",
        "drivers/test_proxy",
        "drivers/test_resume_wait",
        "drivers/test_shared_clients",
        "drivers/test_signals",
        "drivers/test_stop",
        "drivers/test_threads",
        "drivers/test_tracebacks",
        "drivers/test_wait_many",
        "integration/test_cli_display",
        "integration/test_cli_hostile_texts",
        "integration/test_cli_interruption",
        "integration/test_cli_sandbox",
        "integration/test_cli_streams",
        "integration/test_cli_terminal",
        "integration/test_frozen_time",
        "integration/test_paid_twice",
        "integration/test_sandbox_",
        "integration/test_soak",
        "integration/test_stress_start",
    )
]


@pytest.mark.parametrize("pattern", INDEPENDENT_OF_THE_DOCUMENT)
def test_a_pattern_of_test_files_that_are_left_out_matches_a_file(pattern: str) -> None:
    assert list(ROOT.glob(pattern))


# Each reads or sends through all operations.
SOME_TESTS = [
    "tests/unit/test_contract_check.py",
    "tests/drivers/test_generate.py",
    "tests/integration/test_cli_list.py",
]
ALL_TESTS = [
    *("-n", "auto", "--dist", "loadfile"),
    "tests/unit",
    "tests/drivers",
    "tests/integration",
    *(f"--ignore-glob={ROOT / pattern}" for pattern in INDEPENDENT_OF_THE_DOCUMENT),
]


def without_texts(generated: Path) -> dict[str, str]:
    """The syntax of each module of both packages, without docstrings and comments."""
    sources = {path: content for path, content in read_files(generated).items() if path.endswith(".py")}
    return {path: syntax(ast.parse(content)) for path, content in sources.items()}


def syntax(module: ast.Module) -> str:
    for node in ast.walk(module):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            match node.body:
                case [ast.Expr(ast.Constant(str())), *others]:
                    node.body = others
                case _:
                    pass
    return ast.dump(module)


def test_modules_that_differ_only_in_docstrings_have_the_same_syntax() -> None:
    texts = [
        '"""A."""\ndef f(x):\n    """B."""\n    return x\n',
        "def f(x):\n    return x\n",
        "def f(x):\n    return -x\n",
    ]
    one, same, other = (syntax(ast.parse(text)) for text in texts)
    assert one == same != other


def test_the_existing_tests_pass_unchanged_on_the_code_of_the_vendored_pages(vendored_code: Path) -> None:
    # The sessions `tests` run them on the committed code. The same code with other docstrings has the same results.
    chosen = SOME_TESTS if without_texts(vendored_code) == without_texts(GENERATED) else ALL_TESTS
    tested = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            # The document does not change what depends on the transport or on the event loop.
            "-k",
            "not aiohttp and not trio",
            *chosen,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(vendored_code)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert " passed" in tested.stdout
