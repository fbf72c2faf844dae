"""Reads the case files, and joins the cases into one document."""

from __future__ import annotations

import copy
import functools
import re
from collections import Counter
from pathlib import Path
from typing import Final

from codegen.document import Json, as_object, is_list, is_object
from codegen.overlay import apply_overlay
from codegen.parsing import parse_mapping, read_mapping

Doc = dict[str, Json]

FOLDER: Final = Path(__file__).parent / "cases"
FILES: Final = sorted(FOLDER.glob("*.yaml"))
_COMPONENT: Final = "#/components/schemas/"


@functools.cache
def read_cases() -> dict[str, Doc]:
    """The cases by name. A schema name that several cases have gets the name of its case before it."""
    cases = {path.stem: read_mapping(path) for path in FILES}
    counted = Counter(name for case in cases.values() for name in as_object(case.get("schemas")))
    return {name: _with_own_names(name, case, counted) for name, case in cases.items()}


def _with_own_names(name: str, case: Doc, counted: Counter[str]) -> Doc:
    if case.get("whole"):
        return case
    # The class names of both packages are made from these names: only a capital begins a word.
    prefix = re.sub("[^0-9a-z]", "", name.lower()).capitalize()
    prefix = prefix if prefix[0].isalpha() else f"C{prefix}"
    names = {each: f"{prefix}{each}" for each in as_object(case.get("schemas")) if counted[each] > 1}

    def renamed(value: Json) -> Json:
        if is_list(value):
            return [renamed(item) for item in value]
        if is_object(value):
            return {key: renamed(item) for key, item in value.items() if key != "title" or item not in names}
        for old, new in names.items():
            if isinstance(value, str) and re.fullmatch(f"{_COMPONENT}{re.escape(old)}(/.*)?", value):
                return f"{_COMPONENT}{new}{value.removeprefix(f'{_COMPONENT}{old}')}"
        return value

    schemas = {names.get(each, each): renamed(schema) for each, schema in as_object(case.get("schemas")).items()}
    samples = [[names.get(schema, schema), text, wanted] for schema, text, wanted in case.get("samples", [])]
    return {**case, "schemas": schemas, "samples": samples}


def has_own_operation(case: Doc) -> bool:
    """Whether a case is the same as a response and as a body, because no operation is added for its schemas."""
    return not case.get("schemas") or bool(case.get("paths") or case.get("whole"))


def add_case(document: Doc, name: str, case: Doc, *, as_body: bool) -> None:
    """Adds a case to a document as a further page would add it: its schemas get an operation."""
    schemas = as_object(document["components"]["schemas"])
    schemas.update(copy.deepcopy(as_object(case.get("schemas"))))
    for property_name, schema in as_object(case.get("task")).items():
        schemas["VideoTaskResponse"]["properties"][property_name] = copy.deepcopy(schema)
    document["paths"].update(copy.deepcopy(as_object(case.get("paths"))))
    if has_own_operation(case):
        return
    first = case["samples"][0][0] if case.get("samples") else next(iter(case["schemas"]))
    content = {"application/json": {"schema": {"$ref": f"{_COMPONENT}{first}"}}}
    operation: Doc = {"operationId": f"try_{re.sub('[^0-9a-z]', '_', name.lower())}", "tags": ["trial"]}
    response: Doc = {"200": {"description": "ok", **({} if as_body else {"content": content})}}
    body: Doc = {"requestBody": {"required": True, "content": content}} if as_body else {}
    document["paths"][f"/v1/trial/{name}"] = {"post": {**operation, **body, "responses": response}}


def remedies(message: str) -> tuple[list[Doc], Doc]:
    """What a refusal offers to paste: the overlay actions, and the classes in `generator-config.yml`."""
    settings, actions = pasted(message, "", "actions:\n")
    classes = as_object(parse_mapping(settings, "settings").get("class_overrides")) if settings else {}
    return parse_mapping(actions, "actions")["actions"] or [], classes


def pasted(message: str, settings: str, overlay: str) -> tuple[str, str]:
    """The texts of `generator-config.yml` and of the overlay, after a person has done what a refusal says."""
    for place, text in re.findall(r"Paste this (.*):\n\n((?:.+\n?)+)", f"{message}\n"):
        if place == "at the end of overlays/openapi.overlay.yaml":
            overlay = f"{overlay}\n{text}"
        elif "class_overrides:\n" in settings:
            assert "if it has `class_overrides` already, paste the inner lines below that key" in place
            inner = text.removeprefix("class_overrides:\n")
            settings = settings.replace("class_overrides:\n", f"class_overrides:\n{inner}")
        else:
            assert place.startswith("into generator-config.yml")
            settings = f"{settings}\n{text}"
    return settings, overlay


def repaired(document: Doc, actions: list[Doc]) -> Doc:
    """The document with the actions of an overlay."""
    overlay = {"overlay": "1.0.0", "info": {"title": "Remedies", "version": "1"}, "actions": actions}
    return apply_overlay(document, overlay)
