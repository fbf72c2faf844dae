"""The method and the path of each operation, by which its span is named, are those of the document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meshapi_video._transport.operations import CREATE, GET, LIST, Operation

DOCUMENT = Path(__file__).parents[2] / "generated" / "openapi.json"


@pytest.mark.parametrize("operation", [CREATE, GET, LIST], ids=lambda operation: operation.route.method)
def test_the_route_of_an_operation_is_that_of_its_generated_function(operation: Operation[..., Any]) -> None:
    paths = json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"]
    described = paths[operation.route.path][operation.route.method.lower()]
    # The generator names the module after the operation.
    assert operation.blocking.__module__.endswith(f".{described['operationId']}")
