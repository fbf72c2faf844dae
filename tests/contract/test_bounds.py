"""The generators read the bounds of OpenAPI 3.0, where `exclusiveMinimum` is true or false."""

from __future__ import annotations

import pytest
from datamodel_code_generator.parser._schema_object import JsonSchemaObject
from openapi_python_client.schema.openapi_schema_pydantic import Schema

from codegen.document import Json


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"minimum": 0, "exclusiveMinimum": True}, {"exclusiveMinimum": 0}),
        ({"maximum": 9, "exclusiveMaximum": True}, {"exclusiveMaximum": 9}),
        ({"minimum": 0, "exclusiveMinimum": False}, {"minimum": 0}),
        # Without a bound, the keyword says nothing.
        ({"exclusiveMaximum": True}, {}),
        ({"exclusiveMinimum": 1, "minimum": 0}, {"exclusiveMinimum": 1, "minimum": 0}),
    ],
)
def test_exclusive_bounds_are_read_in_both_notations(written: dict[str, Json], read: dict[str, Json]) -> None:
    names = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    schema = JsonSchemaObject.model_validate({"type": "integer", **written}).model_dump(include=set(names))
    assert {name: value for name, value in schema.items() if value is not None} == read
    # The other generator checks no bounds: it only has to accept them.
    Schema.model_validate({"type": "integer", **written})
