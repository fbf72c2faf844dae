"""The class that each generator makes from each schema. The generators themselves are asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from openapi_python_client.parser.errors import GeneratorError
from openapi_python_client.parser.openapi import Endpoint, GeneratorData
from openapi_python_client.parser.properties import (
    EnumProperty,
    LiteralEnumProperty,
    ModelProperty,
    Schemas,
    build_schemas,
)
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.schema import OpenAPI
from openapi_python_client.strings import PythonIdentifier

from codegen.adaptation.bodies import binary_types
from codegen.adaptation.wire import wire_names
from codegen.client_names import client_config, python_name
from codegen.document import as_object, is_object
from codegen.errors import CodegenError
from codegen.openapi import METHODS, escape
from codegen.verification.instances import Schema
from codegen.wire_generator import generate_wire

_SCHEMAS: Final = "#/components/schemas/"


@dataclass
class Declared:
    """One class of a generated package."""

    name: str
    pointer: str
    """The schema that the class is made from."""
    properties: dict[str, str] = field(default_factory=dict[str, str])
    """The name of each property in the document, by its name in Python."""


class Operation(NamedTuple):
    """One operation, and the reading of openapi-python-client."""

    pointer: str
    endpoint: Endpoint


@dataclass
class Names:
    """The classes of both packages."""

    models: dict[str, Declared] = field(default_factory=dict[str, Declared])
    """By the name of a module in the package `models`."""
    wire: dict[str, Declared] = field(default_factory=dict[str, Declared])
    """By the name of the class."""
    wire_pointers: dict[str, str] = field(default_factory=dict[str, str])
    """The places of the components that have another name in the form for the wire package."""
    operations: dict[tuple[str, str], Operation] = field(default_factory=dict[tuple[str, str], Operation])
    """By the names of the tag and of the function."""

    def model_of(self, pointer: str) -> str | None:
        """The name of the model of a schema."""
        return next((one.name for one in self.models.values() if one.pointer == pointer), None)

    def wire_of(self, pointer: str) -> str | None:
        """The name of the wire type of a component."""
        place = self.wire_pointer(pointer)
        found = [one.name for one in self.wire.values() if one.pointer == place]
        # A list of types also has a class for each of its types, with the same place.
        own = place.rpartition("/")[2]
        return own if own in found else found[0] if found else None

    def wire_pointer(self, pointer: str) -> str:
        """The place of a component in the form of the document for the wire package, which may have another name."""
        return self.wire_pointers.get(pointer, pointer)

    def place_of(self, dotted: str) -> str:
        """The schema or the operation that a module, or a wire type, is made from."""
        package, *parts = dotted.split(".")
        match parts:
            case ["models", module] if module in self.models:
                return self.models[module].pointer
            case ["api", tag, module] if (tag, module) in self.operations:
                return self.operations[tag, module].pointer
            case [name] if package.endswith("_wire") and name in self.wire:
                return self.wire[name].pointer
            case _:
                return "#"


def names_of(client: Schema, wire: Schema) -> Names:
    """The names in the code that is generated from the two forms of a document."""
    names = Names()
    _add_client(names, client)
    _add_wire(names, wire)
    _add_wire_pointers(names, client)
    return names


def _add_wire_pointers(names: Names, client: Schema) -> None:
    for name, other in wire_names(as_object(as_object(client.get("components")).get("schemas"))).items():
        if name != other:
            names.wire_pointers[f"#/components/schemas/{escape(name)}"] = f"#/components/schemas/{other}"


def _add_client(names: Names, document: Schema) -> None:
    config = client_config(content_types=binary_types(document))
    data = GeneratorData.from_dict(document, config=config)
    if isinstance(data, GeneratorError):
        raise CodegenError(f"openapi-python-client: {data.header}: {data.detail}")
    parsed = OpenAPI.model_validate(document)
    schemas = Schemas()
    if parsed.components and parsed.components.schemas:
        schemas = build_schemas(components=parsed.components.schemas, schemas=schemas, config=config)
    for path, declared in schemas.classes_by_reference.items():
        _add_model(names, declared, f"#{path.get_untrusted_value()}")
    pointers = dict(_pointers(document))
    for collection in data.endpoint_collections_by_tag.values():
        for endpoint in collection.endpoints:
            name = str(collection.tag), python_name(endpoint.name)
            names.operations[name] = Operation(pointers.get(name, "#/paths"), endpoint)
    # Models of responses and bodies: their place is the operation.
    for one in [*data.models, *data.enums]:
        names.models.setdefault(str(one.class_info.module_name), Declared(str(one.class_info.name), "#/paths"))


def _pointers(document: Schema) -> Iterator[tuple[tuple[str, str], str]]:
    """The place of each operation, by the names of its tag and of its function."""
    for path, operations in as_object(document.get("paths")).items():
        for method in METHODS:
            operation = as_object(operations).get(method)
            if is_object(operation):
                # The prefix of a tag is another one than that of a function.
                tag = str(PythonIdentifier((operation.get("tags") or ["default"])[0], "tag"))
                name = operation.get("operationId", "")
                yield (tag, python_name(name)), f"#/paths/{escape(path)}/{method}"


def _add_model(names: Names, declared: PropertyProtocol, pointer: str) -> None:
    """Adds the class of a property, and the classes below it."""
    match declared:
        case ListProperty():
            _add_model(names, declared.inner_property, f"{pointer}/items")
        case UnionProperty():
            for index, inner in enumerate(declared.inner_properties):
                _add_model(names, inner, f"{pointer}/oneOf/{index}")
        case EnumProperty() | LiteralEnumProperty():
            names.models.setdefault(
                str(declared.class_info.module_name), Declared(str(declared.class_info.name), pointer)
            )
        case ModelProperty():
            module = str(declared.class_info.module_name)
            known = names.models.get(module)
            if known is not None and pointer.count("/") >= known.pointer.count("/"):
                return
            added = Declared(str(declared.class_info.name), pointer)
            names.models[module] = added
            for inner in [*(declared.required_properties or []), *(declared.optional_properties or [])]:
                name = inner.name.get_untrusted_value()
                added.properties[str(inner.python_name)] = name
                _add_model(names, inner, f"{pointer}/properties/{escape(name)}")
            if declared.additional_properties is not None:
                _add_model(names, declared.additional_properties, f"{pointer}/additionalProperties")
        case _:
            pass


def _add_wire(names: Names, document: Schema) -> None:
    for model in generate_wire(document).models:
        pointer = "#" + model["source_ref"].partition("#")[2]
        properties = {one["name"]: one["original_name"] or one["alias"] for one in model["fields"]}
        names.wire[model["class_name"]] = Declared(model["class_name"], pointer, properties)
