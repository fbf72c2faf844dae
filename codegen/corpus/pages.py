"""Reads a folder of documents, and makes one document per operation: today's document with that operation added.

A page of the publisher has one operation, with the components that it uses. Each operation of the folder is given
this form. It is added to today's document, because that is how a new page arrives: the names of its schemas meet the
names of today's schemas, and the overlay of today applies to it.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from codegen.document import DOCUMENT, Json, as_list, as_object, is_object
from codegen.errors import CodegenError
from codegen.openapi import METHODS, discriminated, escape, references, same, with_targets
from codegen.parsing import parse_json, parse_mapping, read_mapping
from codegen.sources import read

SUFFIXES: Final = (".yaml", ".yml", ".json", ".md")
_OPENAPI: Final = re.compile(r"""^[ \t{]*["']?openapi["']?[ \t]*:""", re.MULTILINE)
_CASE_KEYS: Final = frozenset({"schemas", "paths", "task", "samples"})


@dataclass
class Page:
    """One operation, added to today's document."""

    source: str
    """The name of its file."""
    operation: str
    """The method and the path."""
    document: dict[str, Json] = field(default_factory=dict[str, Json])
    samples: list[list[str]] = field(default_factory=list[list[str]])
    """What a case file says of texts: the schema, the text, and `ok` or `refused`."""
    problem: str = ""
    """The reason why the file could not be read; empty if it could."""


def pages(folder: Path) -> Iterator[Page]:
    """A page for each operation in each file of a folder; one page for a file that cannot be read."""
    today = read_mapping(DOCUMENT)
    for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()):
        name = str(path.relative_to(folder))
        try:
            document = _page(path) if path.suffix.lower() == ".md" else _load(path)
            if document is not None:
                yield from _pages(name, document, today)
        except (CodegenError, OSError, UnicodeDecodeError, RecursionError) as error:
            yield Page(name, "", problem=str(error))


def _page(path: Path) -> dict[str, Json] | None:
    """The document of a published page. None for another text, such as a README."""
    return read(str(path)).document if _OPENAPI.search(path.read_text(encoding="utf-8")) else None


def _load(path: Path) -> dict[str, Json] | None:
    """A document or a case. None for a file that is neither."""
    text = path.read_text(encoding="utf-8")
    document = (parse_json if path.suffix.lower() == ".json" else parse_mapping)(text, path.name)
    if "swagger" in document:
        raise CodegenError("this is Swagger 2.0, and not OpenAPI 3")
    return document if "openapi" in document or document.keys() & _CASE_KEYS else None


def _pages(name: str, document: dict[str, Json], today: dict[str, Json]) -> Iterator[Page]:
    if "openapi" not in document:
        yield _case(name, document, today)
        return
    found = [
        (path, method)
        for path, operations in as_object(document.get("paths")).items()
        for method in METHODS
        if is_object(operations) and method in operations
    ]
    for path, method in found:
        yield Page(name, f"{method.upper()} {path}", _added(document, path, method, today))
    if not found:
        # A document of schemas alone: each gets an operation.
        for schema in as_object(as_object(document.get("components")).get("schemas")):
            operation = _operation(schema)
            only = {**document, "paths": {"/v1/trial": {"get": operation}}}
            yield Page(name, f"the schema {schema}", _added(only, "/v1/trial", "get", today))


def _case(name: str, case: dict[str, Json], today: dict[str, Json]) -> Page:
    """A case: schemas, paths, or properties of the task, each added to today's document."""
    document = copy.deepcopy(today)
    schemas = document["components"]["schemas"]
    schemas.update(as_object(case.get("schemas")))
    schemas["VideoTaskResponse"]["properties"].update(as_object(case.get("task")))
    document["paths"].update(as_object(case.get("paths")))
    samples = [[str(part) for part in sample] for sample in as_list(case.get("samples"))]
    if case.get("schemas") and not case.get("paths"):
        first = samples[0][0] if samples else next(iter(case["schemas"]))
        document["paths"]["/v1/trial"] = {"get": _operation(first)}
    return Page(name, ", ".join(sorted(case.keys() & _CASE_KEYS - {"samples"})), document, samples)


def _operation(schema: str) -> dict[str, Json]:
    """An operation whose response is a component."""
    media = {"application/json": {"schema": {"$ref": _pointer("schemas", schema)}}}
    responses = {"200": {"description": "ok", "content": media}}
    return {"operationId": "get-trial-v-1-trial-get", "tags": ["trial"], "responses": responses}


def _added(document: dict[str, Json], path: str, method: str, today: dict[str, Json]) -> dict[str, Json]:
    item = as_object(document["paths"][path])
    part = {"paths": {path: {key: value for key, value in item.items() if key == method or key not in METHODS}}}
    reached = _reached(document, part)
    renamed = _renamed(reached, today)
    merged = copy.deepcopy(today)
    # Where 3.0 and 3.1 differ, the added page is to be read by its own version. Today's document has no such place.
    merged["openapi"] = document["openapi"]
    new_path = path if path not in today["paths"] else f"/added{path}"
    merged["paths"][new_path] = _rewritten(part["paths"][path], renamed)
    components = merged.setdefault("components", {})
    for kind, name, value in reached:
        new_name = renamed.get(_pointer(kind, name), _pointer(kind, name)).rpartition("/")[2]
        added = _rewritten(value, renamed)
        # The title names the class, too.
        if _pointer(kind, name) in renamed and is_object(added) and "title" in added:
            added["title"] = f"Added{added['title']}"
        components.setdefault(kind, {})[new_name.replace("~1", "/").replace("~0", "~")] = added
    for name, scheme in as_object(as_object(document.get("components")).get("securitySchemes")).items():
        components.setdefault("securitySchemes", {}).setdefault(name, scheme)
    return merged


def _reached(document: dict[str, Json], value: Json) -> list[tuple[str, str, Json]]:
    """The components that a value refers to, also through each other: the kind, the name and the component."""
    found: dict[str, tuple[str, str, Json]] = {}
    waiting = [value]
    while waiting:
        current = waiting.pop()
        for reference in [*references(current), *_mapped(current)]:
            match reference.split("/"):
                case ["#", "components", kind, part, *_] if _pointer_of(kind, part) not in found:
                    name = part.replace("~1", "/").replace("~0", "~")
                    components = as_object(as_object(document.get("components")).get(kind))
                    if name in components:
                        found[_pointer_of(kind, part)] = (kind, name, components[name])
                        waiting.append(components[name])
                case _:
                    pass
    return list(found.values())


def _mapped(value: Json) -> list[str]:
    """The references in the mappings of discriminators."""
    mappings = [schema["discriminator"].get("mapping") for schema in discriminated(value)]
    return [str(target) for mapping in mappings if is_object(mapping) for target in mapping.values()]


def _renamed(reached: list[tuple[str, str, Json]], today: dict[str, Json]) -> dict[str, str]:
    """New references for components that are called like another one of today's document."""
    known = as_object(today.get("components"))
    return {
        _pointer(kind, name): _pointer(kind, f"Added{name}")
        for kind, name, value in reached
        if name in as_object(known.get(kind)) and not same(known[kind][name], value)
    }


def _rewritten(value: Json, renamed: dict[str, str]) -> Json:
    heads = {each: "/".join(each.split("/")[:4]) for each in [*references(value), *_mapped(value)]}
    targets = {each: renamed[head] + each.removeprefix(head) for each, head in heads.items() if head in renamed}
    return with_targets(value, targets)


def _pointer(kind: str, name: str) -> str:
    return _pointer_of(kind, escape(name))


def _pointer_of(kind: str, part: str) -> str:
    return f"#/components/{kind}/{part}"
