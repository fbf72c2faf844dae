"""Runs datamodel-code-generator, which makes the wire types."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import tempfile
import warnings
from pathlib import Path
from typing import NamedTuple

import datamodel_code_generator
from datamodel_code_generator import DatetimeClassType, InputFileType, LiteralType, PythonVersion
from datamodel_code_generator.enums import DataModelType

from codegen.document import Json

_HEADER = "# Generated from openapi.yaml by `nox -s regenerate`. Do not edit: change the overlay instead."


class WireCode(NamedTuple):
    """The wire types of a document."""

    module: str
    """The text of the module."""
    models: list[Json]
    """The classes, each with the place of its schema and with its fields, as the generator describes them."""


def generate_wire(wire: dict[str, Json]) -> WireCode:
    """The wire types of a document in the form for the wire package. A warning of the generator is an error."""
    # Sorted: the order of keys in the published document has no effect on the result.
    return _generated(json.dumps(wire, sort_keys=True))


# After the generation, the verification asks which class was made from which schema.
@functools.lru_cache(maxsize=1)
def _generated(document: str) -> WireCode:
    with (
        tempfile.TemporaryDirectory() as scratch,
        warnings.catch_warnings(action="error"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        source, module, metadata = (Path(scratch, name) for name in ("openapi.json", "wire.py", "metadata.json"))
        source.write_text(document, encoding="utf-8")
        datamodel_code_generator.generate(
            source,
            output=module,
            input_file_type=InputFileType.OpenAPI,
            output_model_type=DataModelType.MsgspecStruct,
            target_python_version=PythonVersion.PY_311,
            formatters=[],
            strict_refs=True,
            allow_remote_refs=False,
            custom_file_header=_HEADER,
            emit_model_metadata=metadata,
            # msgspec decodes enums of texts and of integers only. A `Literal` may have values of both.
            enum_field_as_literal=LiteralType.All,
            use_msgspec_tagged_unions=True,
            use_msgspec_nullable_enum_alias=True,
            # The types that the client package has for these formats.
            output_datetime_class=DatetimeClassType.Datetime,
            use_standard_primitive_types=True,
        )
        described = json.loads(metadata.read_text(encoding="utf-8"))
        return WireCode(module.read_text(encoding="utf-8"), described["models"])
