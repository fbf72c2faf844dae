"""Refuses names from which the generators would make broken code without an error."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from typing import Final

from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties import ModelProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.strings import in_double_quote_literal

from codegen.adaptation.places import SCHEMAS, Schema, operations
from codegen.client_names import class_name, python_name
from codegen.document import Json, as_list, as_object, is_object
from codegen.openapi import component_name, escape, references
from codegen.refusals.parsed import (
    all_properties,
    endpoint_place,
    has_macro,
    local_names,
    place_of_data,
    place_of_property,
    uses_cast,
)
from codegen.refusals.refusal import Refusal, change, removal, renaming
from codegen.remedies import parameter_path

# What the template of a model imports or defines, beside what its properties need.
_MODEL_MODULE: Final = frozenset(
    {"Mapping", "Any", "TypeVar", "BinaryIO", "TextIO", "TYPE_CHECKING", "Generator", "UNSET", "Unset", "T"}
)
# What the templates of an enum import.
_ENUM_MODULE: Final = frozenset({"StrEnum", "IntEnum", "Enum"})
# What the template of an operation imports.
_ENDPOINT_MODULE: Final = frozenset(
    {"HTTPStatus", "Any", "AuthenticatedClient", "Client", "Response", "UNSET", "Unset"}
)
# File systems allow 255 bytes. mypy's cache adds an ending to the name.
_LONGEST: Final = 200
_SHORT: Final = 50
_KEPT: Final = "Remove it: the model then keeps it as an additional property."
_IMPORT: Final = re.compile(r"(?:from (?P<module>\S+) )?import (?P<names>.+)")


def check_operations(document: dict[str, Json]) -> Iterator[Refusal]:
    """Each operation needs a name of its own."""
    seen: dict[tuple[str, str], str] = {}
    for path, method, operation in operations(document):
        place = f"#/paths/{escape(path)}/{method}"
        if "operationId" not in operation:
            name = f"{method}_{python_name(path)}"
            yield _named(place, f"{method.upper()} {path} has no operationId, which names its function", name)
            continue
        tags = as_list(operation.get("tags")) or ["default"]
        key = python_name(tags[0]), python_name(operation["operationId"])
        if _is_long(key[0]):
            yield removal(f"{place}/tags", "the tag is too long for the name of a folder", "Remove the tags.")
        if _is_long(key[1]):
            problem = "the operationId is too long for the name of a file"
            yield _named(place, problem, f"{key[1][:_SHORT]}_{method}_{len(seen)}")
        if key in seen:
            problem = f"{seen[key]} and {method.upper()} {path} are both called {'.'.join(key)}"
            yield _named(place, problem, f"{key[1]}_{method}_{len(seen)}")
        seen.setdefault(key, f"{method.upper()} {path}")


def _named(place: str, problem: str, name: str) -> Refusal:
    return change(place, problem, "Give it another name.", {"operationId": name})


def check_texts(slots: Iterator[tuple[str, Schema]]) -> Iterator[Refusal]:
    """Names of properties that neither generator writes rightly."""
    for place, schema in slots:
        types = {class_name(component_name({"$ref": reference})) for reference in references(schema)}
        for name in as_object(schema.get("properties")) if is_object(schema.get("properties")) else ():
            if "\\" in name or '"' in name or len(in_double_quote_literal(name)) < len(name) or not name.isprintable():
                problem = f"the property {name!r} has a quote, a backslash or an invisible character in its name"
                yield removal(f"{place}/properties/{escape(name)}", problem, _KEPT)
            elif (read := unicodedata.normalize("NFKC", name)) != name:
                problem = f"Python would read the name of the property {name!r} as {read!r}"
                yield removal(f"{place}/properties/{escape(name)}", problem, _KEPT)
            elif name in types:
                problem = f"the property {name} would hide the type {name}, which another property has"
                yield removal(f"{place}/properties/{escape(name)}", problem, _KEPT)
        yield from _same_names(place, schema)


def _same_names(place: str, schema: Schema) -> Iterator[Refusal]:
    """Properties of one schema that get one Python name, even with the capitals and underscores of their own."""
    seen: dict[tuple[str, str], str] = {}
    for name in schema["properties"] if is_object(schema.get("properties")) else ():
        key = python_name(name), python_name(name, raw=True)
        if key in seen:
            problem = f"the properties {seen[key]} and {name} would have one Python name"
            yield removal(f"{place}/properties/{escape(name)}", problem, _KEPT)
        seen.setdefault(key, name)


def places_of_classes(client: dict[str, Json], parsed: GeneratorData) -> dict[str, str]:
    """The place of the schema of each generated class."""
    found = {
        str(each.class_info.name): place_of_data(getattr(each, "data", each), "")
        for each in [*parsed.models, *parsed.enums]
    }
    components = as_object(as_object(client.get("components")).get("schemas"))
    return found | {class_name(name): f"{SCHEMAS}{escape(name)}" for name in components}


def check_models(parsed: GeneratorData, places: dict[str, str]) -> Iterator[Refusal]:
    """Properties whose Python name is another name in the generated class, and classes with a name that is taken."""
    modules = Counter(str(each.class_info.module_name) for each in [*parsed.models, *parsed.enums])
    for each in [*parsed.models, *parsed.enums]:
        name = str(each.class_info.name)
        if not isinstance(each, ModelProperty) and name in _ENUM_MODULE:
            problem = f"the class {name} would hide what its own module imports"
            yield renaming(
                place_of_data(getattr(each, "data", each), "#/components/schemas"), problem, name, f"{name}Schema"
            )
        if modules[str(each.class_info.module_name)] > 1:
            modules[str(each.class_info.module_name)] = 0
            problem = f"another class has the module {each.class_info.module_name} of the class {name}"
            yield renaming(
                place_of_data(getattr(each, "data", each), "#/components/schemas"), problem, name, f"{name}Schema"
            )
        if _is_long(str(each.class_info.module_name)):
            problem = "the name of the class, which is made from the names around it, is too long for a file"
            place = place_of_data(getattr(each, "data", each), "#/components/schemas")
            yield renaming(place, problem, name, f"{name[:_SHORT]}{len(place)}")
    for model in parsed.models:
        yield from _check_model(model, places)


def _is_long(module: str) -> bool:
    """Whether no file system, or mypy's cache in it, has room for the name of a module."""
    return len(module.encode()) > _LONGEST


def _check_model(model: ModelProperty, places: dict[str, str]) -> Iterator[Refusal]:
    properties = all_properties(model)
    taken = _names_in_model(model, properties)
    counted = Counter(str(each.python_name) for each in properties)
    own = str(model.class_info.module_name)
    for each in properties:
        name, place = each.name.get_untrusted_value(), place_of_property(model, each.name.get_untrusted_value())
        known = str(each.python_name)
        typed = (
            has_macro(each, "construct") and str(each.get_type_string().as_unembedded_code()) != model.class_info.name
        )
        if known in taken or (known == own and typed):
            problem = f"a property named {name} would hide the generated model's own {known}"
            yield removal(place, problem, _KEPT)
        elif counted[known] > 1:
            counted[known] -= 1
            yield removal(place, f"another property has the Python name {known} of the property {name}", _KEPT)
    imported = [*(model.relative_imports or ()), *(model.lazy_imports or ())]
    yield from _check_imports(imported, _MODEL_MODULE | _types(model), str(model.class_info.name), places)


def _types(model: ModelProperty) -> frozenset[str]:
    return frozenset({"types"}) if model.is_multipart_body else frozenset()


def _names_in_model(model: ModelProperty, properties: list[PropertyProtocol]) -> set[str]:
    """The names that a property of the model may not have."""
    further = model.additional_properties
    taken = {"to_dict", "from_dict", "field_dict", "d", "cls", "src_dict"} | _MODEL_MODULE | {*_types(model)}
    if model.is_multipart_body:
        taken.add("to_multipart")
    if further:
        taken |= {"additional_properties", "additional_keys"}
    for each in [*properties, *([further] if further else [])]:
        for macro in ("construct", "transform"):
            taken |= local_names(each, macro)
    if further and has_macro(further, "construct"):
        taken |= {"prop_dict", "prop_name", str(further.python_name)}
    if further and has_macro(further, "transform"):
        taken |= {"prop_name", "prop"}
    if any(uses_cast(each) for each in [*properties, *([further] if further else [])]):
        taken.add("cast")
    for statement in [*(model.relative_imports or ()), *(model.lazy_imports or ())]:
        taken |= {name for name in _imported(statement)[1] if name != "cast"}
    return taken


def _imported(statement: str) -> tuple[str, list[str]]:
    """The module and the names of an import statement."""
    found = _IMPORT.match(statement.strip())
    if found is None:
        return "", []
    return found["module"] or "", [name.strip() for name in found["names"].split(",")]


def _check_imports(statements: list[str], taken: frozenset[str], own: str, places: dict[str, str]) -> Iterator[Refusal]:
    """Classes whose name the module already has for something else."""
    sources: dict[str, set[str]] = {}
    for statement in statements:
        module, names = _imported(statement)
        for name in names:
            sources.setdefault(name, set()).add(module)
    classes = {name for name, modules in sources.items() if any("models." in module for module in modules)} | {own}
    for name in sorted(classes - {""}):
        others = {module for module in sources.get(name, ()) if "models." not in module}
        if name in taken or others:
            problem = f"a class named {name} would hide what the generated module itself calls {name}"
            yield renaming(places.get(name, "#/components/schemas"), problem, name, f"{name}Schema")


def check_endpoints(parsed: GeneratorData, places: dict[str, str]) -> Iterator[Refusal]:
    """Parameters whose Python name is another name in the generated function, and classes with such a name."""
    for collection in parsed.endpoint_collections_by_tag.values():
        for endpoint in collection.endpoints:
            yield from _check_endpoint(endpoint)
            yield from _check_imports([*endpoint.relative_imports], _ENDPOINT_MODULE, "", places)


def _check_endpoint(endpoint: Endpoint) -> Iterator[Refusal]:
    place = endpoint_place(endpoint)
    taken = {"kwargs", "response", "UNSET", "Unset", "Any"}
    taken |= {"params"} if endpoint.query_parameters else set()
    taken |= {"headers"} if endpoint.header_parameters or endpoint.bodies else set()
    taken |= {"cookies"} if endpoint.cookie_parameters else set()
    taken |= {"quote"} if endpoint.path_parameters else set()
    for body in endpoint.bodies:
        taken |= {"body"} | local_names(body.prop, "transform")
    for each in endpoint.query_parameters:
        if has_macro(each, "transform"):
            taken |= {f"json_{each.python_name}"} | local_names(each, "transform")
    counted = Counter(str(each.python_name) for _location, each in endpoint.iter_all_parameters())
    for location, each in endpoint.iter_all_parameters():
        name = each.name.get_untrusted_value()
        here = place_of_data(each, place).removesuffix("/schema")
        if not here.startswith("#/paths") and not here.startswith("#/components/parameters"):
            here = place
        if str(each.python_name) in taken:
            problem = f"a parameter named {name} would hide the generated function's own {each.python_name}"
            yield _without(here, place, problem, each, location)
        elif counted[str(each.python_name)] > 1:
            counted[str(each.python_name)] = 0
            problem = f"another parameter has the Python name {each.python_name} of the parameter {name} in {location}"
            yield _without(here, place, problem, each, location)
        elif len(in_double_quote_literal(name)) < len(name):
            problem = f"the parameter {name!r} has an invisible character in its name"
            yield _without(here, place, problem, each, location)


def _without(place: str, operation: str, problem: str, parameter: PropertyProtocol, location: str) -> Refusal:
    name = parameter.name.get_untrusted_value()
    # If the schema of the parameter is a component, only the operation is known. The path does not need the index.
    holder = f"{operation}/parameters/0" if place == operation else place
    target = operation if parameter.required else parameter_path(holder, name, str(location))
    return removal(place, problem, "Remove it, or write the call by hand.", target=target)
