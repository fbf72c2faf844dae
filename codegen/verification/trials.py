"""The trials of generated code: instances for the wire types and the models, responses and requests for operations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from openapi_python_client.parser.bodies import Body, BodyType
from openapi_python_client.parser.properties import ModelProperty
from openapi_python_client.parser.responses import Response

from codegen.document import Json, as_object, is_object
from codegen.verification.findings import Finding, by_dependency
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
    """The schemas that could not be tried out, each with the reason."""


class Trials:
    """All trials of one document, in the form that the program reads, and the place of each."""

    def __init__(self, document: Schema, wire: Schema, names: Names) -> None:
        """`wire` is the form of the document that the wire check is generated from."""
        self.proof = Proof()
        self.made: list[dict[str, Any]] = []
        self._places: list[tuple[str, str, bool]] = []
        self._document, self._names = document, names
        self._maker = Maker(document, wire)
        in_forms = only_in_forms(document)
        for pointer in by_dependency(document):
            if pointer not in in_forms:
                self._add_component(pointer)
        for (tag, name), operation in names.operations.items():
            self._add_operation(f"{CLIENT}.api.{tag}.{name}", operation)
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

    def _samples(self, pointer: str) -> Samples:
        samples = self._maker.samples(pointer, self._names.wire_pointer(pointer))
        self.proof.left_out += samples.left_out
        if samples.problem:
            self.proof.unproven[pointer] = samples.problem
        return samples

    def _add_component(self, pointer: str) -> None:
        samples = self._samples(pointer)
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
        from_json = response.source["attribute"] == "response.json()"
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
            return

    def _add_requests(self, module: str, operation: Operation, declared: Schema) -> None:
        place, body = located(self._document, f"{operation.pointer}/requestBody", declared.get("requestBody"))
        arguments, rest = dict[str, Json](), list[tuple[str, str, Json, Schema]]()
        expected = dict[str, Schema]()
        python_names = {
            (location.value, each.name.get_untrusted_value()): str(each.python_name)
            for location, each in operation.endpoint.iter_all_parameters()
        }
        for where, parameter in parameters_of(self._document, operation.pointer):
            argument = python_names.get((parameter["in"], parameter["name"]))
            if argument is None:
                reason = f"the function has no argument for the parameter {parameter['name']}"
                self._add(where, f"`{module}`:", kind="fault", reason=reason)
                return
            usable = [
                each.instance
                for each in self._samples(f"{where}/schema").valid
                if sent(parameter, each.instance) is not None
            ]
            if parameter["in"] == "path" and self._is_any_text(f"{where}/schema"):
                usable.append(_HARD_TEXT)
            if parameter.get("required") and not usable:
                self.proof.unproven[where] = "no value can be sent by the rules of OpenAPI"
                return
            expected[argument] = parameter
            if parameter.get("required"):
                arguments[argument] = usable[0]
            rest += [(where, argument, value, parameter) for value in usable[:_FEW]]
        bodies = list(self._bodies(place, body, operation)) if body.get("required") else []
        if body.get("required") and not bodies:
            return
        needed = bodies[0][1] if bodies else {}
        base: dict[str, Any] = {"kind": "request", "module": module, "method": operation.endpoint.method}
        template = operation.pointer.split("/")[2].replace("~1", "/").replace("~0", "~")
        for where, argument, value, _ in rest:
            given = {**arguments, argument: value}
            subject = f"`{module}`: the argument {argument}={shown(value)}"
            self._add(where, subject, **base, **_expected(template, given, expected), **needed)
        for where, sending in bodies or self._bodies(place, body, operation):
            subject = f"`{module}`: the body {shown(sending['body'])}"
            self._add(where, subject, **base, **_expected(template, arguments, expected), **sending)
        if not rest and not body:
            self._add(operation.pointer, f"`{module}`:", **base, **_expected(template, arguments, expected))

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
            if media_type not in parts or each.body_type is BodyType.CONTENT:
                continue
            pointer = f"{place}/content/{parts[media_type]}/schema"
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
                yield sample.pointer, {**sending, "model": _model(each)}

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
            if '"binary"' in json.dumps(schema)
            or any(each.get("format") == "binary" for each in alternatives(self._document, schema))
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
