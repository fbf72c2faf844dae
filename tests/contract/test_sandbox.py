"""The sandbox is the documented server: it serves the vendored document, and schemathesis finds no error."""

from __future__ import annotations

import functools
import json
import re
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox

Json = dict[str, Any]  # JSON, read by its keys

VENDORED: Json = json.loads(Path("generated/openapi.json").read_text())
TASKS, TASK = "/v1/video/generations", "/v1/video/generations/{task_id}"
OPERATIONS = [(TASKS, "post"), (TASKS, "get"), (TASK, "get")]
DOCUMENTATION = {"title", "description", "summary"}


@pytest.fixture(scope="module")
def sandbox() -> Generator[Sandbox]:
    with running_sandbox() as started:
        yield started


@pytest.fixture(scope="module")
def served(sandbox: Sandbox) -> Json:
    document: Json = httpx.get(f"{sandbox.base_url}/openapi.json").json()
    return document


def normalized(schema: object, document: Json) -> object:
    """A schema in one notation: references resolved, unions as sorted lists, documentation removed."""
    if isinstance(schema, list):
        return [normalized(one, document) for one in cast("list[object]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    schema = cast("Json", schema)
    if "$ref" in schema:
        return normalized(document["components"]["schemas"][schema["$ref"].rpartition("/")[2]], document)
    if isinstance(schema.get("type"), list):
        # The other keywords are about the values of one type, and say nothing of `null`.
        others = {name: value for name, value in schema.items() if name not in {"type", *DOCUMENTATION}}
        types = [{"type": one, **({} if one == "null" else others)} for one in schema["type"]]
        return normalized({"anyOf": types}, document)
    items = {("anyOf" if name == "oneOf" else name): value for name, value in schema.items()}
    result: Json = {}
    for name, value in items.items():
        if name == "properties":
            result[name] = {field: normalized(one, document) for field, one in value.items()}
        elif name not in DOCUMENTATION:
            result[name] = normalized(value, document)
    for name in ("anyOf", "required"):
        if isinstance(result.get(name), list):
            result[name] = sorted(result[name], key=functools.partial(json.dumps, sort_keys=True))
    # An empty `properties` or `required` means the same as an absent one.
    return {name: value for name, value in result.items() if value or name not in {"properties", "required"}}


def operation(document: Json, path: str = TASK, method: str = "get") -> Json:
    found = cast("Json", normalized(document["paths"][path][method], document))
    # An empty list of parameters means the same as none, and a parameter that does not say `explode` has it.
    parameters = [
        {name: value for name, value in one.items() if name != "explode"} for one in found.get("parameters", [])
    ]
    return {**found, "parameters": parameters}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_served_document_and_the_vendored_one_describe_the_same_operation(
    served: Json, path: str, method: str
) -> None:
    ours, theirs = operation(served, path, method), operation(VENDORED, path, method)
    # The real server sends this one response too, but its page does not describe it.
    assert ours["responses"].pop("404", None) is None or method == "post" or path == TASK
    assert ours == theirs


def test_the_served_document_describes_no_other_operation(served: Json) -> None:
    assert [(path, method) for path, methods in served["paths"].items() for method in methods] == OPERATIONS
    assert served["openapi"] == VENDORED["openapi"]
    assert served["components"]["securitySchemes"] == VENDORED["components"]["securitySchemes"]
    assert served["components"]["schemas"].keys() <= VENDORED["components"]["schemas"].keys()


def without(document: Json, *path: str | int) -> Json:
    """A copy of the document without the value at a path."""
    changed: Json = json.loads(json.dumps(document))
    *above, last = path
    part: Any = changed
    for step in above:
        part = part[step]
    del part[last]
    return changed


@pytest.mark.parametrize(
    "path",
    [
        ("paths", TASK, "get", "responses", "502"),
        ("paths", TASK, "get", "responses", "200", "content", "application/json", "schema", "$ref"),
        ("paths", TASK, "get", "parameters", 0, "required"),
        ("paths", TASK, "get", "security"),
        ("paths", TASKS, "post", "requestBody", "required"),
        ("paths", TASKS, "post", "responses", "402"),
        ("paths", TASKS, "get", "parameters", 0, "schema", "items"),
        ("paths", TASKS, "get", "parameters", 2, "schema", "format"),
        ("paths", TASKS, "get", "parameters", 4, "schema", "maximum"),
        ("components", "schemas", "VideoGenerationRequest", "properties", "content", "minItems"),
        ("components", "schemas", "VideoContentItem", "properties", "audio_url"),
        ("components", "schemas", "VideoTaskListResponse", "required", 0),
        ("components", "schemas", "VideoTaskUsage", "properties", "total_tokens", "type"),
        ("components", "schemas", "VideoTaskResponse", "properties", "seed"),
        ("components", "schemas", "VideoTaskResponse", "properties", "error", "oneOf", 1),
        ("components", "schemas", "ValidationError", "required", 0),
    ],
)
def test_the_comparison_finds_a_difference(path: tuple[str | int, ...]) -> None:
    changed = without(VENDORED, *path)
    assert any(operation(changed, *one) != operation(VENDORED, *one) for one in OPERATIONS)


HOOKS = """
import schemathesis

@schemathesis.hook
def before_call(context, case, kwargs):
    if isinstance(case.body, dict) and "model" in case.body:
        case.body["model"] = "byteplus/dreamina-seedance-2-0"
        if case.body.keys() == {"model", "content"}:
            # Without this, each request would break a limit.
            case.body["content"] = [{"type": "text", "text": "a lake"}]
"""


def schemathesis(
    document: str, sandbox: Sandbox, folder: Path, mode: str, *more: str
) -> subprocess.CompletedProcess[str]:
    """Runs all checks of schemathesis, with the same inputs in every run."""
    command = ["schemathesis", "run", document, "--url", sandbox.base_url]
    command += ["--header", f"Authorization: Bearer {sandbox.api_key}", "--checks", "all", "--mode", mode]
    command += ["--seed", "1", "--generation-deterministic", "--max-examples", "50", "--no-color", *more]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=250)


def test_schemathesis_finds_nothing_against_the_served_document(sandbox: Sandbox, tmp_path: Path) -> None:
    found = schemathesis(f"{sandbox.base_url}/openapi.json", sandbox, tmp_path, "all")
    assert found.returncode == 0, found.stdout + found.stderr
    counts = re.search(r"(\d+) generated, (\d+) passed", found.stdout)
    assert counts is not None
    assert int(counts[1]) > 100


def test_schemathesis_finds_nothing_against_the_vendored_document(sandbox: Sandbox, tmp_path: Path) -> None:
    task_id = sandbox.create_task(scenario="instant")
    # The sandbox returns 404 for an invented task id or model, and this document does not describe 404.
    (tmp_path / "hooks.py").write_text(HOOKS)
    (tmp_path / "schemathesis.toml").write_text(f'hooks = "hooks.py"\n[parameters]\ntask_id = "{task_id}"\n')
    # The document says less than the guide: a random request breaks a limit of the guide, and gets a 422.
    more = ("--exclude-checks", "positive_data_acceptance")
    found = schemathesis(str(Path("generated/openapi.json").resolve()), sandbox, tmp_path, "positive", *more)
    assert found.returncode == 0, found.stdout + found.stderr
    assert sandbox.inspect(task_id).upstream_polls > 0
    assert sandbox.creates()


def test_schemathesis_finds_a_response_that_is_not_documented(sandbox: Sandbox, tmp_path: Path) -> None:
    task_id = sandbox.create_task(faults=[{"body": "html"}])
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\ntask_id = "{task_id}"\n')
    only_the_task = ("--include-path", TASK, "--max-failures", "1")
    found = schemathesis(f"{sandbox.base_url}/openapi.json", sandbox, tmp_path, "positive", *only_the_task)
    assert found.returncode == 1
    assert "Undocumented Content-Type" in found.stdout
