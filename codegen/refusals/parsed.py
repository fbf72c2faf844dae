"""What openapi-python-client will make of a document: its classes, their properties and its functions, with places."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Generator, Iterator
from importlib.resources import files
from typing import Any, Final

from openapi_python_client.parser import GeneratorData
from openapi_python_client.parser.errors import GeneratorError, ParseError
from openapi_python_client.parser.openapi import Endpoint
from openapi_python_client.parser.properties import ModelProperty
from openapi_python_client.parser.properties.list_property import ListProperty
from openapi_python_client.parser.properties.protocol import PropertyProtocol
from openapi_python_client.parser.properties.union import UnionProperty
from openapi_python_client.schema import OpenAPI
from openapi_python_client.schema.untrusted_string import UntrustedString
from pydantic import ValidationError

from codegen.adaptation.bodies import binary_types
from codegen.adaptation.places import PLACE
from codegen.client_names import class_name, client_config, python_name
from codegen.document import Json, as_object, is_list, is_object
from codegen.openapi import escape
from codegen.refusals.refusal import Refusal, change, nearest_removal, removal

_TEMPLATES: Final = files("openapi_python_client") / "templates" / "property_templates"


def _not_accepted(document: dict[str, Json], client: dict[str, Json]) -> Iterator[Refusal]:
    """Each part of a marked document that the generator does not accept, before it reads any schema."""
    try:
        OpenAPI.model_validate(_described(client))
    except ValidationError as error:
        for each in error.errors(include_url=False):
            place, is_keyword = _place_of_error(client, each["loc"])
            problem = f"openapi-python-client does not accept this: {readable(each['msg'])}"
            if is_keyword and each["type"] != "missing":
                yield removal(place, problem, "Remove it, or correct it in the overlay.")
            else:
                yield nearest_removal(document, place, problem)


def _place_of_error(client: dict[str, Json], location: tuple[int | str, ...]) -> tuple[str, bool]:
    """The place that pydantic names, and whether it is a key of a schema or of another part with a place."""
    value: Json = client
    place, is_keyword = "#", False
    for part in location:
        # pydantic also names the class of which it has tried a value.
        members: dict[Any, Json] = value if is_object(value) else dict(enumerate(value)) if is_list(value) else {}
        if part in members:
            is_keyword = PLACE in members
            value = members[part]
            place = value[PLACE] if is_object(value) and PLACE in value else f"{place}/{escape(str(part))}"
    return place, is_keyword


def parse(client: dict[str, Json]) -> GeneratorData | GeneratorError:
    """Parses a marked document as the generator does. The descriptions of its parts are their places."""
    config = client_config(content_types=binary_types(client))
    # No code is written from what is parsed here, so the texts of the document may stand in messages.
    with _readable_names():
        return GeneratorData.from_dict(_described(client), config=config)


@contextlib.contextmanager
def _readable_names() -> Generator[None]:
    """Lets the generator write names into its messages, and not the addresses of its objects."""
    original = UntrustedString.__str__
    type.__setattr__(UntrustedString, "__str__", UntrustedString.get_untrusted_value)
    try:
        yield
    finally:
        type.__setattr__(UntrustedString, "__str__", original)


def _described(value: Json) -> Json:
    if is_list(value):
        return [_described(item) for item in value]
    if not is_object(value):
        return value
    described = {key: _described(item) for key, item in value.items() if key != PLACE}
    return {**described, "description": value[PLACE]} if PLACE in value else described


def place_of_data(data: object, fallback: str) -> str:
    """The place of a part that the generator has parsed."""
    description = getattr(data, "description", None)
    text = str(description.get_untrusted_value()) if isinstance(description, UntrustedString) else ""
    return text if text.startswith("#/") else fallback


def place_of_property(model: ModelProperty, name: str) -> str:
    """The place of a property of a model."""
    parts = [model.data, *model.data.allOf]
    for part in parts:
        if UntrustedString(name) in (getattr(part, "properties", None) or {}):
            return f"{place_of_data(part, place_of_data(model.data, '#'))}/properties/{escape(name)}"
    return place_of_data(model.data, "#")


def errors(
    document: dict[str, Json], client: dict[str, Json], parsed: GeneratorData | GeneratorError
) -> Iterator[Refusal]:
    """What the generator itself refuses or leaves out."""
    if isinstance(parsed, GeneratorError):
        refused = list(_not_accepted(document, client))
        yield from refused or [Refusal("#", f"openapi-python-client stopped: {readable(parsed.detail)}")]
        return
    for error in parsed.errors:
        found = re.search(r"schema (/components/schemas/\S+?):?(?:\s|$)", error.header)
        yield _refusal(document, error, f"#{found[1]}" if found else "#/components/schemas")
    if parsed.errors:
        # The operations that use these schemas cannot be generated either.
        return
    for collection in parsed.endpoint_collections_by_tag.values():
        for error in collection.parse_errors:
            found = re.match(r"WARNING parsing ([A-Z]+) (\S+) within", error.header)
            yield _refusal(document, error, f"#/paths/{escape(found[2])}/{found[1].lower()}" if found else "#/paths")


def _refusal(document: dict[str, Json], error: ParseError, fallback: str) -> Refusal:
    place = place_of_data(error.data, fallback)
    text = " ".join(part for part in (error.header.strip(), error.detail) if part)
    if re.search("duplicate models|conflicting enums", text) and place != fallback:
        title = f"{class_name(place.rpartition('/')[2])}Schema"
        problem = f"openapi-python-client stopped: {readable(text)}"
        return change(place, problem, "Its class then has a name of its own.", {"title": title})
    return nearest_removal(document, place, f"openapi-python-client stopped: {readable(text)}")


def readable(text: str | None) -> str:
    """A generator's text in one line, without the names of its own objects and the flags of its command line."""
    plain = re.sub(r"<[\w.]*UntrustedString object at 0x[0-9a-f]+>", "a name of the document", text or "")
    # nox passes no flags to the generators. What stands before a flag says what is wrong.
    plain = " ".join(re.sub(r"[,;]?(?:^| )\w+ --?[a-z].*", ".", each) for each in re.split(r"(?<=\.)\s+", plain))
    return " ".join(plain.split()).rstrip(". ")


def wire_refusal(document: dict[str, Json], text: str) -> Refusal:
    """What datamodel-code-generator says, with the place of the class or of the property that it names."""
    problem = f"datamodel-code-generator stopped: {readable(text)}"
    schemas = as_object(as_object(document.get("components")).get("schemas"))
    names = {class_name(name): name for name in schemas}
    for found in re.finditer(r"\b(\w+)(?:\.(\w+))?", text):
        name = names.get(found[1])
        if name is not None:
            place = f"#/components/schemas/{escape(name)}"
            properties = schemas[name].get("properties") if is_object(schemas[name]) else None
            for each in properties if is_object(properties) else ():
                if found[2] in (each, python_name(each)):
                    place = f"{place}/properties/{escape(each)}"
                    break
            return nearest_removal(document, place, problem)
    return Refusal("#/components/schemas", problem)


def all_properties(model: ModelProperty) -> list[PropertyProtocol]:
    """The declared properties of a model."""
    return [*(model.required_properties or []), *(model.optional_properties or [])]


def has_macro(property_: PropertyProtocol, macro: str) -> bool:
    """Whether the generator converts values of a property: `construct` from JSON, `transform` to JSON."""
    return f"macro {macro}(" in (_TEMPLATES / property_.template).read_text(encoding="utf-8")


def local_names(property_: PropertyProtocol, macro: str) -> set[str]:
    """The names that the code which converts a property assigns in its function, beside the property's own."""
    if isinstance(property_, ListProperty):
        inner = property_.inner_property
        if has_macro(inner, macro):
            return {inner.python_name, f"{inner.python_name}_data"} | local_names(inner, macro)
    if isinstance(property_, UnionProperty) and macro == "transform":
        return set[str]().union(*(local_names(inner, macro) for inner in property_.inner_properties))
    return set()


def uses_cast(property_: PropertyProtocol) -> bool:
    """Whether the code that reads a property calls `cast`."""
    if isinstance(property_, ListProperty):
        inner = property_.inner_property
        return uses_cast(inner) if has_macro(inner, "construct") else True
    if isinstance(property_, UnionProperty):
        inner_ones = property_.inner_properties
        return any(not has_macro(inner, "construct") or uses_cast(inner) for inner in inner_ones)
    return property_.template == "const_property.py.jinja"


def endpoint_place(endpoint: Endpoint) -> str:
    """The place of an operation."""
    return endpoint.description.get_untrusted_value()
