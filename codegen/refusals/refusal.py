"""One place that cannot be generated rightly."""

from __future__ import annotations

from typing import NamedTuple

from codegen.client_names import setting_of
from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.openapi import METHODS, escape, resolve
from codegen.remedies import class_setting, overlay_action, parameter_path


class Refusal(NamedTuple):
    """What is wrong, where, and what to do."""

    place: str
    """A JSON pointer in a URI fragment."""
    problem: str
    remedy: str = ""
    """Ready to paste."""

    def message(self) -> str:
        """The text that a maintainer reads."""
        place = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in self.place)
        return f"{place}: {self.problem}.\n{self.remedy}".rstrip()


def removal(place: str, problem: str, effect: str, *, target: str = "") -> Refusal:
    """A refusal whose remedy is to remove a part of the document."""
    return Refusal(place, problem, f"{effect} {overlay_action(target or place, f'Refused: {problem}.')}")


def change(place: str, problem: str, effect: str, update: dict[str, Json], *, target: str = "") -> Refusal:
    """A refusal whose remedy is to change a part of the document."""
    return Refusal(place, problem, f"{effect} {overlay_action(target or place, f'Refused: {problem}.', update=update)}")


def renaming(place: str, problem: str, class_name: str, new_name: str) -> Refusal:
    """A refusal whose remedy is another name for a class."""
    return Refusal(place, problem, f"Give the class another name. {class_setting(setting_of(class_name), new_name)}")


def nearest_removal(document: dict[str, Json], place: str, problem: str) -> Refusal:
    """A refusal whose remedy removes the smallest part at or above a place that a document can lack."""
    target = _structure(document, place)
    if target:
        return removal(place, problem, "Without it, the generated code knows less of the schema.", target=target)
    keys = [key.replace("~1", "/").replace("~0", "~") for key in place.split("/")[1:]]
    for length in range(len(keys), 1, -1):
        if _is_removable(document, keys[:length]):
            target = "#/" + "/".join(map(escape, keys[:length]))
            if keys[length - 2] == "parameters":
                parameter = as_object(resolve(document, {"$ref": target.rpartition("/")[0]})[int(keys[length - 1])])
                target = parameter_path(target, str(parameter.get("name")), str(parameter.get("in")))
            return removal(
                place, problem, "Remove this part: the generated code then knows nothing of it.", target=target
            )
    target = _structure(document, "/".join(place.split("/")[:4]))
    if target:
        return removal(place, problem, "Without it, the generated code knows less of the schema.", target=target)
    return Refusal(place, problem)


def _structure(document: dict[str, Json], place: str) -> str:
    """The part from which a generator makes the type of a component schema: the component itself must stay."""
    name = place.removeprefix("#/components/schemas/")
    schema = as_object(as_object(document.get("components")).get("schemas")).get(
        name.replace("~1", "/").replace("~0", "~")
    )
    keys = ("$ref", "oneOf", "anyOf", "allOf", "properties", "items", "enum", "const", "additionalProperties", "type")
    return next((f"{place}/{key}" for key in keys if key in schema), "") if is_object(schema) else ""


def _is_removable(document: dict[str, Json], keys: list[str]) -> bool:
    value: Json = document
    for key in keys[:-1]:
        if is_list(value) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif is_object(value) and key in value:
            value = value[key]
        else:
            return False
    last, above = keys[-1], keys[-2]
    if above == "properties" and keys[-3:-2] != ["properties"]:
        return is_object(value) and last in value
    if above == "parameters" and is_list(value) and "$ref" not in as_object(value[int(last)]):
        return not as_object(as_list(value)[int(last)]).get("required")
    if above == "responses" or (above == "content" and "responses" in keys):
        return is_object(value) and last in value and len(value) > 1
    return keys[0] == "paths" and (len(keys) == 2 or (len(keys) == 3 and last in METHODS))
