"""Decides the severity of a change by running programs: a caller's program for the old package, against the new one.

A program is written from the signatures of a generated package. It reads each attribute that callers read, makes each
model that callers pass, calls each function, and decodes bodies that the document of its package allows. The program
holds with another package if mypy accepts it there, and if it sends and reads the same.

- breaking: the program of the old package does not hold with the new package.
- additive: the program of the new package does not hold with the old package.
- cosmetic: both programs hold with both packages.

What is wider or narrower as a type is for mypy to decide. A program therefore makes responses (in its own tests) from
one plain value per type, and a stored body that only has another type than the new document allows does not count.
"""

from __future__ import annotations

import functools
import gc
import importlib
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import jsonschema_rs
import msgspec
from mypy import api

from codegen.diff.report import OVERLAID
from codegen.diff.severity import Severity
from codegen.document import Json, as_list, as_object, is_list, is_object
from codegen.file_diff import read_files
from codegen.openapi import METHODS, Direction, directions_of, resolve
from codegen.regenerate import CLIENT, WIRE
from contract.programs import Package
from contract.samples import instances

Facts = dict[str, Any]
Side = tuple[Path, Package, Facts]
"""A generated folder, the signatures of its package, and its document."""
# A message of msgspec about a type, and the keywords with which JSON Schema states types.
_TYPE_MESSAGE: Final = re.compile(r"Expected `[^`]*`, got `[^`]*`( - at .*)?")
_TYPE_KEYWORDS: Final = {"type", "anyOf", "oneOf"}
_STUBS: Final = Path(__file__).with_name("stubs")


def judge(old: Path, new: Path, scratch: Path) -> tuple[Severity, str]:
    """The severity of the change between two generated folders, and the reason.

    Judgements with the same `scratch` share the cache of mypy. Many judgements begin with the same old folder.
    """
    before, after = (old, _package(old), _document(old)), (new, Package(new / CLIENT), _document(new))
    forward = broken(before, after, scratch)
    if forward:
        return Severity.BREAKING, forward
    backward = broken(after, before, scratch)
    return (Severity.ADDITIVE, backward) if backward else (Severity.COSMETIC, "")


@functools.cache
def _package(generated: Path) -> Package:
    return Package(generated / CLIENT)


def _document(generated: Path) -> Facts:
    document: Facts = json.loads((generated / OVERLAID).read_text(encoding="utf-8"))
    return document


def broken(one: Side, other: Side, scratch: Path) -> str:
    """The reason why the program of one side does not hold with the other; empty if it holds."""
    (folder, package, document), (other_folder, other_package, other_document) = one, other
    reason = "".join(_refused_requests(document, other_document)) or other_package.vaguer(package)
    if reason or _code(folder) == _code(other_folder):
        return reason
    program = package.program(other_package)
    inputs = json.dumps([_bodies(document, other_document), list(_responses(document, other_document))])
    before, after = (_facts(each, program, inputs) for each in (folder, other_folder))
    assert "failed" not in before, before
    reason = after.get("failed") or next(_differences(before, after), "")
    reason = reason or next(_new_successes(document, other_document), "")
    if reason or package.code == other_package.code:
        return str(reason)
    return _mypy(program, other_folder, scratch)


def _code(generated: Path) -> dict[str, bytes]:
    """The files that programs import."""
    return {path: content for path, content in read_files(generated).items() if path != OVERLAID}


def _differences(before: Facts, after: Facts) -> Iterator[str]:
    """What is sent or read differently."""
    for key, value in before["sent"].items():
        if _request(after["sent"].get(key)) != _request(value):
            yield f"{key}: {after['sent'].get(key)} instead of {value}"
    for key, value in before["read"].items():
        other = after["read"].get(key)
        # A string is the message of a check. Types are for mypy.
        is_type = isinstance(other, str) and _TYPE_MESSAGE.fullmatch(other)
        if not isinstance(value, str) and not is_type and not _kept(value, other):
            yield f"{key}: {other} instead of {value}"


def _kept(old: Json, new: Json) -> bool:
    """Whether a program that reads the old value reads the same in the new one, which may have more attributes."""
    if is_object(old) and is_object(new):
        return all(
            key in new and (_kept(value, new[key]) or (value == "UNSET" and key in new.get("set by default", [])))
            for key, value in old.items()
            if key != "set by default"
        )
    if is_list(old) and is_list(new):
        return len(old) == len(new) and all(map(_kept, old, new))
    return bool(old == new)


def _request(value: Json) -> Json:
    """A request as the server understands it: UTF-8 is the only character set of JSON, and no body has no type."""
    sent: Json = json.loads(json.dumps(value).replace("; charset=utf-8", ""))
    if not is_object(sent) or "method" not in sent:
        return sent
    if not sent.keys() & {"json", "data", "files", "content"}:
        as_object(sent.get("headers")).pop("Content-Type", None)
    return {key: part for key, part in sent.items() if part != {} or key == "json"}


def _mypy(program: str, generated: Path, scratch: Path) -> str:
    scratch.mkdir(parents=True, exist_ok=True)
    site, file = scratch / "site", scratch / "program.py"
    site.unlink(missing_ok=True)
    site.symlink_to(generated)
    file.write_text(program, encoding="utf-8")
    os.environ["MYPYPATH"] = f"{site}{os.pathsep}{_STUBS}"
    # Not the daemon of mypy: it does not notice a new member of an enum in a `match`.
    options = ["--strict", "--config-file=", f"--cache-dir={scratch / 'cache'}", "--no-error-summary", "--no-pretty"]
    out = _forked(_checked, [*options, str(file)])
    assert "failed" not in out, out
    # The generated code itself is clean.
    assert not re.search(r"^(?!.*program\.py).*: error: ", out["out"], re.MULTILINE), out["out"]
    lines = program.splitlines()
    found = re.findall(r"^.*program\.py:(\d+): error: (.*)$", out["out"], re.MULTILINE)
    return "; ".join(f"mypy: {message} in `{lines[int(line) - 1].strip()}`" for line, message in found)


def _checked(arguments: list[str]) -> Facts:
    out, error, _ = api.run(arguments)
    return {"out": out + error}


# Documents.


def _bodies(old: Facts, new: Facts) -> list[tuple[str, Json]]:
    """Bodies that the old document allows, by the name of the schema. Callers read them."""
    schemas = as_object(as_object(new.get("components")).get("schemas"))
    return [
        (name, body)
        for name, direction in directions_of(old).items()
        if Direction.RESPONSE in direction
        for body in instances(old, {"$ref": f"#/components/schemas/{name}"}, as_object(schemas.get(name)))
    ]


def _responses(old: Facts, new: Facts) -> Iterator[tuple[str, int, Json]]:
    """Bodies of the responses that the old document describes, with the operationId."""
    after = dict(_operations(new))
    for key, operation in _operations(old):
        for described_as, described in as_object(operation.get("responses")).items():
            schema = _json_schema(old, described)
            # A status of the range that hardly any document names.
            status = {"default": "599"}.get(described_as, described_as.replace("XX", "98"))
            if key in after:
                responses = as_object(after[key].get("responses"))
                keys = (status, f"{status[0]}XX", "default")
                successor = _json_schema(new, next((responses[each] for each in keys if each in responses), None))
                components = {"components": new.get("components", {})}
                validator = jsonschema_rs.validator_for({**as_object(successor), **components})
                for body in [None] if schema is None else instances(old, schema, {}):
                    # A body of another type is for mypy to decide.
                    if validator.is_valid(body):
                        yield str(operation["operationId"]), int(status), body


def _new_successes(old: Facts, new: Facts) -> Iterator[str]:
    """The statuses of success that only the new document describes, with a body that no success had before."""
    after = dict(_operations(new))
    for key, operation in _operations(old):
        before, now = (as_object(each.get("responses")) for each in (operation, after.get(key, {})))
        known = [_json_schema(old, each) for status, each in before.items() if status.startswith("2")]
        for status, each in now.items():
            if known and status.startswith("2") and status not in before and _json_schema(new, each) not in known:
                yield f"{key}: a success may have another result, with the status {status}"


def _json_schema(document: Facts, response: Json) -> Json:
    for media_type, content in as_object(as_object(resolve(document, response)).get("content")).items():
        if media_type.partition(";")[0].endswith(("/json", "+json")):
            return as_object(content).get("schema")
    return None


def _operations(document: Facts) -> Iterator[tuple[str, Facts]]:
    for path, operations in as_object(document.get("paths")).items():
        for method in METHODS:
            if method in operations:
                shared = as_list(operations.get("parameters"))
                operation = as_object(operations[method])
                yield f"{method} {path}", {**operation, "parameters": [*shared, *as_list(operation.get("parameters"))]}


def _sent(document: Facts) -> Iterator[tuple[str, Json]]:
    """The schema of each parameter and of each body that callers pass."""
    for key, operation in _operations(document):
        for each in operation["parameters"]:
            parameter = as_object(resolve(document, each))
            yield f"{key} {parameter.get('in')} {parameter.get('name')}", parameter.get("schema", {})
        body = as_object(resolve(document, operation.get("requestBody")))
        for media_type, content in as_object(body.get("content")).items():
            yield f"{key} {media_type.partition(';')[0]}", as_object(content).get("schema", {})


def _refused_requests(old: Facts, new: Facts) -> Iterator[str]:
    """Values that the old document allows in requests, and the new document refuses for another reason than a type."""
    after = dict(_sent(new))
    for key, schema in _sent(old):
        if key in after and is_object(after[key]):
            validator = jsonschema_rs.validator_for({**after[key], "components": new.get("components", {})})
            for value in instances(old, schema, {}):
                for error in validator.iter_errors(value):
                    if str(error.schema_path[-1]) not in _TYPE_KEYWORDS or _constraint(error):
                        yield f"{key}: {error.message}"
                        return


def _constraint(error: jsonschema_rs.ValidationError) -> bool:
    """Whether a choice refuses a value, although one branch has the right type."""
    context: list[list[jsonschema_rs.ValidationError]] = getattr(error.kind, "context", None) or []
    return any(
        all(str(each.schema_path[-1]) not in _TYPE_KEYWORDS or _constraint(each) for each in branch)
        for branch in context
        if branch
    )


# Running a program, in a child process.


def _forked(function: Callable[..., Facts], *arguments: object) -> Facts:
    """The result of a function that a forked process calls, or its traceback at the key `failed`."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reader)
            # To collect garbage would copy all memory of the parent.
            gc.disable()
            try:
                result = function(*arguments)
            except Exception:  # noqa: BLE001 - the caller reads it
                result = {"failed": traceback.format_exc()}
            with os.fdopen(writer, "w", encoding="utf-8") as pipe:
                json.dump(result, pipe)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    returned: Facts = json.loads(text)
    return returned


# Half of all judgements run the same program with the same old folder.
@functools.lru_cache(maxsize=50)
def _facts(generated: Path, program: str, inputs: str) -> Facts:
    return _forked(_run, generated, program, *json.loads(inputs))


def _run(
    generated: Path, program: str, bodies: list[tuple[str, Json]], responses: list[tuple[str, int, Json]]
) -> Facts:
    for name in [name for name in sys.modules if name.startswith("meshapi_video")]:
        del sys.modules[name]
    sys.path.insert(0, str(generated))
    # Many programs run on the same old code.
    sys.pycache_prefix = str(generated.parent / "bytecode")
    namespace: Facts = {"__name__": "program"}
    exec(compile(program, "program.py", "exec"), namespace)  # noqa: S102 - our own text
    wire, models = importlib.import_module(WIRE), importlib.import_module(f"{CLIENT}.models")
    facts: Facts = {"sent": {}, "read": {}}
    for name, function in namespace["SENT"].items():
        facts["sent"][name] = _plain(function())
    for name, function in namespace["FAKES"].items():
        facts["read"][f"the fake {name}"] = _plain(function())
    for number, (name, body) in enumerate(bodies):
        facts["read"][f"{name} from {json.dumps(body)[:300]} ({number})"] = _decoded(wire, models, name, body)
    import httpx  # noqa: PLC0415 - only the child needs it

    client = namespace["AuthenticatedClient"](base_url="https://x.example", token="t", raise_on_unexpected_status=True)
    for number, (operation, status, body) in enumerate(responses):
        if operation in namespace["PARSERS"]:
            try:
                response = httpx.Response(status, json=body)
                value = _plain(namespace["PARSERS"][operation](client=client, response=response))
            except Exception as error:  # noqa: BLE001 - a status that is not described, or a body of another type
                value = str(error)
            facts["read"][f"{operation} {status} ({number})"] = [value]
    return facts


def _decoded(wire: ModuleType, models: ModuleType, name: str, body: Json) -> Json:
    text = json.dumps(body)
    try:
        msgspec.json.decode(text, type=_named(wire, name))
    except msgspec.ValidationError as error:
        return str(error)
    model = _named(models, name)
    return [_plain(model.from_dict(json.loads(text)) if hasattr(model, "from_dict") else body)]


def _named(module: ModuleType, schema: str) -> Any:  # noqa: ANN401 - a generated class
    spelled = re.sub(r"[\W_]", "", schema).lower()
    for name, value in vars(module).items():
        if isinstance(value, ModuleType) or name.startswith("_"):
            continue
        if re.sub(r"^field|[_1]*$", "", name.lower()).replace("_", "") == spelled:
            return value
    return object


def _plain(value: Any) -> Json:  # noqa: ANN401 - any value of a generated package
    """A value as JSON: a model is an object of its attributes, and other values show their types."""
    kind: Any = type(value)  # pyright: ignore[reportUnknownVariableType] - the type of anything
    name: str = kind.__name__
    declared: Json = getattr(kind, "__attrs_attrs__", None)
    if declared is not None:
        fields: dict[str, Json] = {field.name: field.default for field in declared}
        named = {field: _plain(getattr(value, field)) for field in fields}
        return {"class": name, **named, "set by default": [field for field in fields if _is_set(fields[field])]}
    if is_object(value):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_list(value):
        return [_plain(item) for item in value]
    return {"Unset": "UNSET", "BytesIO": "bytes"}.get(name, f"{name} {value!r}")


def _is_set(default: object) -> bool:
    import attrs  # noqa: PLC0415 - only the child needs it

    return default is not attrs.NOTHING and type(default).__name__ not in ("Unset", "Factory", "_Nothing")
