"""Refuses names from which the generators would make broken code without an error."""

from __future__ import annotations

from typing import Final

from openapi_python_client.strings import PythonIdentifier

from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.errors import CodegenError
from codegen.openapi import METHODS, escape, resolve

# A generated model and the functions in it use these names. A property of the same name would hide them.
_RESERVED_IN_MODELS: Final = frozenset(
    {"to_dict", "from_dict", "additional_properties", "additional_keys", "d", "cls", "cast", "field_dict", "files"}
)
# A generated endpoint function uses these names.
_RESERVED_IN_FUNCTIONS: Final = frozenset(
    {"params", "headers", "cookies", "kwargs", "response", "body", "quote", "httpx"}
)


def check_names(document: dict[str, Json]) -> None:
    """Raises a `CodegenError` that names the first name that cannot be used, and says what to do."""
    _check_properties(document, "#")
    seen: dict[tuple[str, str], str] = {}
    for path, operations in as_object(document.get("paths")).items():
        shared = as_object(operations).get("parameters")
        for method, value in as_object(operations).items():
            if method in METHODS:
                place = f"{method.upper()} {path}"
                operation = as_object(value)
                _check_parameters(document, [*as_list(shared), *as_list(operation.get("parameters"))], place)
                name = _function_name(operation, place)
                if name in seen:
                    raise CodegenError(
                        f"{seen[name]} and {place} are both called {'.'.join(name)}: rename one in the overlay"
                    )
                seen[name] = place


def python_name(name: object) -> str:
    """The Python name that openapi-python-client makes from a name."""
    return str(PythonIdentifier(str(name), "field_"))


def _function_name(operation: dict[str, Json], place: str) -> tuple[str, str]:
    if "operationId" not in operation:
        raise CodegenError(f"{place} has no operationId, which names its function: add one in the overlay")
    tags = as_list(operation.get("tags")) or ["default"]
    return python_name(tags[0]), python_name(operation["operationId"])


def _check_properties(value: Json, pointer: str) -> None:
    if is_list(value):
        for index, item in enumerate(value):
            _check_properties(item, f"{pointer}/{index}")
    if is_object(value):
        properties = value.get("properties")
        for name in properties if is_object(properties) else ():
            if python_name(name) in _RESERVED_IN_MODELS:
                raise CodegenError(
                    f"{pointer}/properties: a property named {name} would hide the generated model's own "
                    f"{python_name(name)}. Remove it in the overlay: the model then keeps it as an additional property"
                )
        for key, item in value.items():
            _check_properties(item, f"{pointer}/{escape(key)}")


def _check_parameters(document: dict[str, Json], parameters: list[Json], place: str) -> None:
    for parameter in parameters:
        name = as_object(resolve(document, parameter)).get("name")
        if python_name(name) in _RESERVED_IN_FUNCTIONS or python_name(name).startswith("json_"):
            raise CodegenError(
                f"{place}: a parameter named {name} would hide the generated function's own {python_name(name)}. "
                "Remove it in the overlay, or write the call by hand"
            )
