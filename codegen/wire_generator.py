"""Runs datamodel-code-generator, which makes the wire types."""

from __future__ import annotations

from pathlib import Path

import datamodel_code_generator
from datamodel_code_generator import DatetimeClassType, InputFileType, LiteralType, PythonVersion
from datamodel_code_generator.enums import DataModelType

_HEADER = "# Generated from openapi.yaml by `nox -s regenerate`. Do not edit: change the overlay instead."


def generate_wire(source: Path, module: Path, metadata: Path | None = None) -> None:
    """Writes the module of the wire types. `metadata` is a file for the schema of each type."""
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
