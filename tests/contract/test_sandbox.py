"""The sandbox is the documented server: it serves the vendored document, and schemathesis finds no error."""

from __future__ import annotations

import functools
import json
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from meshapi_video_sandbox import Sandbox, running_sandbox

Json = dict[str, Any]  # JSON, read by its keys

VENDORED: Json = json.loads(Path("generated/openapi.json").read_text())
PATH = "/v1/video/generations/{task_id}"
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
        return normalized({"anyOf": [{"type": one} for one in schema["type"]]}, document)
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


def operation(document: Json) -> Json:
    return cast("Json", normalized(document["paths"][PATH]["get"], document))


def test_the_served_document_and_the_vendored_one_describe_the_same_operation(served: Json) -> None:
    ours, theirs = operation(served), operation(VENDORED)
    # The real server sends this one response too, but its page does not describe it.
    assert ours["responses"].pop("404")
    assert ours == theirs


def test_the_served_document_describes_no_other_operation(served: Json) -> None:
    assert list(served["paths"]) == [PATH]
    assert list(served["paths"][PATH]) == ["get"]
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
        ("paths", PATH, "get", "responses", "502"),
        ("paths", PATH, "get", "responses", "200", "content", "application/json", "schema", "$ref"),
        ("paths", PATH, "get", "parameters", 0, "required"),
        ("paths", PATH, "get", "security"),
        ("components", "schemas", "VideoTaskUsage", "properties", "total_tokens", "type"),
        ("components", "schemas", "VideoTaskResponse", "properties", "seed"),
        ("components", "schemas", "VideoTaskResponse", "properties", "error", "oneOf", 1),
        ("components", "schemas", "ValidationError", "required", 0),
    ],
)
def test_the_comparison_finds_a_difference(path: tuple[str | int, ...]) -> None:
    assert operation(without(VENDORED, *path)) != operation(VENDORED)


def schemathesis(document: str, sandbox: Sandbox, folder: Path, mode: str) -> subprocess.CompletedProcess[str]:
    """Runs all checks of schemathesis, with the same inputs in every run."""
    command = ["schemathesis", "run", document, "--url", sandbox.base_url]
    command += ["--header", f"Authorization: Bearer {sandbox.api_key}", "--checks", "all", "--mode", mode]
    command += ["--seed", "1", "--generation-deterministic", "--max-examples", "50", "--no-color"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=250)


def test_schemathesis_finds_nothing_against_the_served_document(sandbox: Sandbox, tmp_path: Path) -> None:
    found = schemathesis(f"{sandbox.base_url}/openapi.json", sandbox, tmp_path, "all")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "60 generated, 60 passed" in found.stdout


def test_schemathesis_finds_nothing_against_the_vendored_document(sandbox: Sandbox, tmp_path: Path) -> None:
    task_id = sandbox.create_task(scenario="instant")
    # The sandbox returns 404 for an invented task id, and this document does not describe 404.
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\ntask_id = "{task_id}"\n')
    found = schemathesis(str(Path("generated/openapi.json").resolve()), sandbox, tmp_path, "positive")
    assert found.returncode == 0, found.stdout + found.stderr
    assert sandbox.inspect(task_id).upstream_polls > 0


def test_schemathesis_finds_a_response_that_is_not_documented(sandbox: Sandbox, tmp_path: Path) -> None:
    task_id = sandbox.create_task(faults=[{"body": "html"}])
    (tmp_path / "schemathesis.toml").write_text(f'[parameters]\ntask_id = "{task_id}"\n')
    found = schemathesis(f"{sandbox.base_url}/openapi.json", sandbox, tmp_path, "positive")
    assert found.returncode == 1
    assert "Undocumented Content-Type" in found.stdout
