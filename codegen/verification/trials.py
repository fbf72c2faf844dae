"""The trials of generated code: instances for the wire types and the models, responses and requests for operations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from openapi_python_client.parser.bodies import Body, BodyType
from openapi_python_client.parser.properties import ModelProperty
from openapi_python_client.parser.responses import Response

from codegen.adaptation import Note
from codegen.document import Json, as_object, is_object
from codegen.openapi import references
from codegen.verification.findings import Finding, by_dependency, existing
from codegen.verification.instances import EndlessError, Schema, alternatives, value_at
from codegen.verification.names import Names, Operation
from codegen.verification.process import Fault
from codegen.verification.requests import (
    form,
    is_json,
    located,
    media_types,
    only_in_forms,
    parameters_of,
    parts_of,
    path_of,
    sent,
)
from codegen.verification.samples import Maker, Sample, Samples, shown

CLIENT: Final = "meshapi_video_generated"
WIRE: Final = "meshapi_video_wire"
# A status that no document describes, for the response `default`.
_OTHER_STATUS: Final = 599
_FEW: Final = 12
# In a path, each of these characters has another meaning, unless it is escaped.
_HARD_TEXT: Final = "a/b?c#d%2Fe f;g+é"


@dataclass
class Proof:
    """What was tried out."""

    trials: int = 0
    left_out: int = 0
    """The number of instances that were to be valid, and are not."""
    unproven: dict[str, str] = field(default_factory=dict[str, str])
    """The places that could not be tried out, each with the reason."""
    overlaps: set[str] = field(default_factory=set[str])
    """The schemas with an invalid instance that is accepted, because several members of `oneOf` match."""

    @property
    def notes(self) -> list[Note]:
        """The lines of the report about what is not proven."""
        meaning = "A value that matches several members of oneOf is accepted."
        unproven = [Note(pointer, f"Not tried out: {reason}.") for pointer, reason in self.unproven.items()]
        return sorted([*unproven, *(Note(pointer, meaning) for pointer in self.overlaps)])


class _Argument(NamedTuple):
    """One argument of an operation's function."""

    pointer: str
    name: str
    parameter: Schema
    values: list[Json]


class Trials:
    """All trials of one document, in the form that the program reads, and the place of each."""

    def __init__(self, document: Schema, notes: list[Note], names: Names) -> None:
        """The notes name what the generated code does not check."""
        self.proof = Proof()
        self.made: list[dict[str, Any]] = []
        self._places: list[tuple[str, str, bool]] = []
        self._document, self._names = document, names
        self._maker = Maker(document, notes)
        self._sent: set[str] = set()
        in_forms, reached = only_in_forms(document), by_dependency(document)
        for pointer in reached:
            if pointer not in in_forms:
                self._add_component(pointer)
        for (tag, name), operation in names.operations.items():
            self._add_operation(f"{CLIENT}.api.{tag}.{name}", operation)
        sent_in_forms = {inner for pointer in self._sent for inner in reached.get(pointer, ())}
        for pointer in in_forms - sent_in_forms:
            self.proof.unproven[pointer] = "it occurs in forms only, and no request with it was made"
        self.proof.unproven = {existing(document, place): reason for place, reason in self.proof.unproven.items()}
        self.proof.trials = len(self.made)

    def finding(self, fault: Fault) -> Finding:
        """The place and the reason of a fault."""
        if isinstance(fault.step, str):
            return Finding(self._names.place_of(fault.step), f"`{fault.step}`: {fault.reason}")
        pointer, subject, certain = self._places[fault.step]
        return Finding(pointer, f"{subject} {fault.reason}", certain)

    def _add(self, pointer: str, subject: str, *, certain: bool = True, **trial: object) -> None:
        self.made.append(trial)
        self._places.append((pointer, subject, certain))

    def _samples(self, pointer: str, *, invalid: bool = False) -> Samples:
        samples = self._maker.samples(pointer, invalid=invalid)
        self.proof.left_out += samples.left_out
        if samples.problem:
            self.proof.unproven[pointer] = samples.problem
        return samples

    def _skip(self, pointer: str, reason: str) -> None:
        """Records that a part of an operation was not tried out. A reason that is known already says more."""
        if not any(known == pointer or known.startswith(f"{pointer}/") for known in self.proof.unproven):
            self.proof.unproven[pointer] = reason

    def _add_component(self, pointer: str) -> None:
        samples = self._samples(pointer, invalid=True)
        if samples.only_valid:
            self.proof.unproven[pointer] = "no invalid instance can be made"
        for place, name in samples.untried.items():
            self.proof.unproven[place] = f"no valid instance with the property {name} can be made"
        self.proof.overlaps |= {each.pointer for each in samples.overlapping}
        wire, model = self._names.wire_of(pointer), self._names.model_of(pointer)
        if wire is None:
            self.proof.unproven[pointer] = "it has no wire type"
        else:
            for sample in samples.valid:
                self._add_instance(sample, f"{WIRE}.{wire}", kind="wire", name=wire, valid=True)
            for sample in samples.invalid:
                self._add_instance(sample, f"{WIRE}.{wire}", kind="wire", name=wire, valid=False)
        for sample in samples.valid if model is not None else ():
            self._add_instance(sample, f"{CLIENT}.models.{model}", kind="model", name=model)

    def _add_instance(self, sample: Sample, code: str, **trial: object) -> None:
        subject = f"`{code}`: the instance {shown(sample.instance)} ({sample.meaning})"
        self._add(sample.pointer, subject, certain=sample.small, text=json.dumps(sample.instance), **trial)

    def _add_operation(self, module: str, operation: Operation) -> None:
        try:
            declared = as_object(value_at(self._document, operation.pointer))
        except EndlessError:
            self.proof.unproven[operation.pointer] = "the operation has no place in the document"
            return
        # Such a function makes nothing of a response. Its caller reads the content.
        only_any = operation.endpoint.response_type().as_unembedded_code() == "Any"
        for response in operation.endpoint.responses:
            self._add_response(module, operation.pointer, declared, response, only_any=only_any)
        self._add_requests(module, operation, declared)

    def _add_response(self, module: str, pointer: str, declared: Schema, response: Response, *, only_any: bool) -> None:
        key = response.status_code.pattern
        place, value = located(
            self._document, f"{pointer}/responses/{key}", as_object(declared["responses"]).get(key, {})
        )
        status = response.status_code.range[0] if response.status_code.range else _OTHER_STATUS
        attribute = response.source["attribute"]
        from_json = attribute == "response.json()"
        for media_type, part, schema in media_types(value.get("content")):
            if schema is None or is_json(media_type) is not from_json:
                continue
            inner = f"{place}/content/{part}/schema"
            kinds = [(one["type"], "enum" in one) for one in alternatives(self._document, {"$ref": inner})]
            if only_any and kinds == [(None, False)]:
                return
            for sample in self._samples(inner).valid[:_FEW] if from_json else ():
                subject = f"`{module}`: the response {shown(sample.instance)} with the status {status}"
                body = json.dumps(sample.instance)
                self._add(
                    sample.pointer,
                    subject,
                    kind="response",
                    module=module,
                    status=status,
                    media_type=media_type,
                    text=body,
                )
            if not from_json and attribute != "None":
                self._skip(inner, "the response is no JSON")
            return

    def _add_requests(self, module: str, operation: Operation, declared: Schema) -> None:
        place, body = located(self._document, f"{operation.pointer}/requestBody", declared.get("requestBody"))
        arguments = self._arguments(module, operation)
        bodies = list(self._bodies(place, body, operation))
        if body and not bodies:
            self._skip(place, "no body can be made")
        if arguments is None or (body.get("required") and not bodies):
            self._skip(operation.pointer, "no request can be made without a required value")
            return
        expected = {each.name: each.parameter for each in arguments}
        required = {each.name: each.values[0] for each in arguments if each.parameter.get("required")}
        needed = bodies[0][1] if body.get("required") else {}
        base: dict[str, Any] = {"kind": "request", "module": module, "method": operation.endpoint.method}
        template = operation.pointer.split("/")[2].replace("~1", "/").replace("~0", "~")
        for each in arguments:
            for value in each.values[:_FEW]:
                given = {**required, each.name: value}
                subject = f"`{module}`: the argument {each.name}={shown(value)}"
                self._add(each.pointer, subject, **base, **_expected(template, given, expected), **needed)
        for where, sending in bodies:
            subject = f"`{module}`: the body {shown(sending['body'])}"
            self._add(where, subject, **base, **_expected(template, required, expected), **sending)
        if not arguments and not body:
            self._add(operation.pointer, f"`{module}`:", **base, **_expected(template, required, expected))

    def _arguments(self, module: str, operation: Operation) -> list[_Argument] | None:
        """The arguments of an operation. None if a required one has no value that can be sent."""
        found: list[_Argument] = []
        python_names = {
            (location.value, each.name.get_untrusted_value()): str(each.python_name)
            for location, each in operation.endpoint.iter_all_parameters()
        }
        for where, parameter in parameters_of(self._document, operation.pointer):
            name = python_names.get((parameter["in"], parameter["name"]))
            if name is None:
                reason = f"the function has no argument for the parameter {parameter['name']}"
                self._add(where, f"`{module}`:", kind="fault", reason=reason)
                return None
            valid = self._samples(f"{where}/schema").valid
            usable = [each.instance for each in valid if sent(parameter, each.instance) is not None]
            if parameter["in"] == "path" and self._is_any_text(f"{where}/schema"):
                usable.append(_HARD_TEXT)
            if not usable:
                self._skip(where, "no value can be sent by the rules of OpenAPI")
                if parameter.get("required"):
                    return None
            found.append(_Argument(where, name, parameter, usable))
        return found

    def _is_any_text(self, pointer: str) -> bool:
        """Whether a schema allows each text."""
        known = {"type", "title", "description", "example", "examples", "default", "deprecated"}
        try:
            found = alternatives(self._document, {"$ref": pointer})
        except EndlessError:
            return False
        return any(one["type"] in ("string", None) and not one.keys() - known for one in found)

    def _bodies(self, place: str, body: Schema, operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
        parts = {name: part for name, part, _ in media_types(body.get("content"))}
        for each in operation.endpoint.bodies:
            media_type = each.content_type.get_untrusted_value().partition(";")[0].strip().lower()
            if media_type not in parts:
                continue
            pointer = f"{place}/content/{parts[media_type]}/schema"
            if each.body_type is BodyType.CONTENT:
                self._skip(pointer, "the body is neither JSON nor a form")
                continue
            made = 0
            for sample in self._samples(pointer).valid[:_FEW]:
                if sample.instance is None:
                    # The generated function sends no null: the type of its body is without it.
                    continue
                pairs = form(sample.instance) if each.body_type is BodyType.DATA else None
                if each.body_type is not BodyType.JSON and not _is_sendable(sample.instance):
                    continue
                if each.body_type is BodyType.DATA and pairs is None:
                    continue
                sending = {"body": sample.instance, "body_type": each.body_type.value, "form": pairs}
                if each.body_type is BodyType.FILES:
                    files = self._files(pointer, sample.instance)
                    media = as_object(value_at(self._document, pointer.rpartition("/")[0]))
                    encoding = as_object(media.get("encoding"))
                    sending |= {"files": files, "parts": parts_of(sample.instance, files, encoding)}
                made += 1
                yield sample.pointer, {**sending, "model": _model(each)}
            if made:
                self._sent |= set(references(value_at(self._document, pointer)))
            else:
                self._skip(pointer, "no instance of it can be sent")

    def _files(self, pointer: str, form: Schema) -> list[str]:
        """The values of a form that are files, by their names."""
        declared = [
            (name, as_object(one.get("properties")).get(name, one.get("additionalProperties", True)))
            for one in alternatives(self._document, {"$ref": pointer})
            for name in form
        ]
        return [
            name
            for name, schema in declared
            # A choice may allow a file or an object: an object is sent as JSON.
            if not is_object(form[name])
            and (
                '"binary"' in json.dumps(schema)
                or any(each.get("format") == "binary" for each in alternatives(self._document, schema))
            )
        ]


def _is_sendable(form: Json) -> bool:
    """Whether a value can be sent as a form, which has no null."""
    return is_object(form) and None not in form.values()


def _model(body: Body) -> str | None:
    return str(body.prop.class_info.name) if isinstance(body.prop, ModelProperty) else None


def _expected(template: str, arguments: dict[str, Json], parameters: dict[str, Schema]) -> dict[str, Any]:
    found: dict[str, list[tuple[str, str]]] = {"path": [], "query": [], "header": [], "cookie": []}
    for name, value in arguments.items():
        found[parameters[name]["in"]] += sent(parameters[name], value) or []
    return {
        "arguments": arguments,
        "path": path_of(template, dict(found["path"])),
        "query": found["query"],
        "headers": found["header"],
        "cookies": found["cookie"],
    }
