"""Runs in a fresh process: imports generated packages, and tries out their code. It imports no code of this project.

It reads one JSON object from the standard input: `folder`, `client`, `wire`, `trials` and `timeout`. It writes one
JSON array for each step that it begins (`["begin", NUMBER or NAME]`) and for each fault
(`["fault", NUMBER or NAME, REASON]`), and at the end `["end"]`. What generated code prints does not disturb this
output: before it is imported, the standard output goes elsewhere. If one step takes longer than `timeout` seconds,
`faulthandler` writes its report to this output, and ends the process.
"""

from __future__ import annotations

import contextlib
import datetime
import enum
import faulthandler
import fnmatch
import importlib
import json
import math
import os
import pkgutil
import re
import sys
import time
import traceback
import types
import typing
import uuid
from typing import Any, TextIO, TypeGuard
from urllib.parse import parse_qsl, unquote, urlencode

# JSON, and objects of generated classes, can have any shape.
Json = Any

_FORBIDDEN = frozenset(
    {"socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.getnameinfo"}
    | {"socket.gethostbyname", "socket.gethostbyaddr"}
    | {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.exec", "os.posix_spawn"}
    | {"os.spawn", "os.startfile"}
)
# Of each file in a form. The caller chooses both.
_FILE_NAME, _FILE_TYPE = "file.bin", "application/x-file"
_UNIONS: tuple[object, ...] = (typing.Union, types.UnionType)
_forbidding = False


def main() -> None:
    """Reads the task, and reports its faults."""
    run(json.load(sys.stdin), os.fdopen(os.dup(1), "w", encoding="utf-8"))


def run(task: dict[str, Any], file: TextIO) -> None:
    """Tries out the code that a task names, reports its faults, and ends the process."""
    os.dup2(2, 1)
    output = Output(file, task["timeout"])
    sys.path.insert(0, task["folder"])
    # The generated packages import these. What they do while they are imported is allowed.
    for name in ("attrs", "httpx", "msgspec"):
        importlib.import_module(name)
    sys.addaudithook(_forbid)
    globals()["_forbidding"] = True
    if not _import_all((task["client"], task["wire"]), output):
        _Trials(task, output).run()
    output.write("end")
    # Threads and `atexit` functions of generated code do not keep the process alive.
    os._exit(0)


def _is_object(value: object) -> TypeGuard[dict[str, Json]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[Json]]:
    return isinstance(value, list)


def _forbid(event: str, _arguments: object) -> None:
    if _forbidding and event in _FORBIDDEN:
        raise RuntimeError(f"generated code must not use {event}")


class Output:
    """Tells the parent process what happens, and ends this process if one step hangs."""

    def __init__(self, file: TextIO, timeout: float) -> None:
        self._file, self._timeout = file, timeout
        self._limit_set = -math.inf

    def begin(self, step: int | str) -> None:
        """Says which step begins, and gives it the limit of time."""
        self.write("begin", step)
        now = time.monotonic()
        # To set the limit again takes 0.1 ms, as long as several trials.
        if now - self._limit_set > self._timeout / 10:
            # No thread of Python could do this: a regular expression that hangs keeps all of them waiting.
            faulthandler.dump_traceback_later(self._timeout, exit=True, file=self._file)
            self._limit_set = now

    def fault(self, step: int | str, reason: str) -> None:
        """Reports a fault of a step."""
        self.write("fault", step, reason)

    def write(self, *words: object) -> None:
        """Writes one message."""
        self._file.write(json.dumps(words) + "\n")
        self._file.flush()


def _reason(error: BaseException) -> str:
    # The address of an object is another one in each run.
    return re.sub(r" object at 0x[0-9a-f]+", "", f"{type(error).__name__}: {error}")


class _Announcer:
    """Says which module is imported next: a package imports many modules, and one of them may hang."""

    def __init__(self, packages: tuple[str, ...], output: Output) -> None:
        self._packages, self._output = packages, output

    def find_spec(self, name: str, *_arguments: object) -> None:
        if name.partition(".")[0] in self._packages:
            self._output.begin(name)


def _import_all(packages: tuple[str, ...], output: Output) -> int:
    sys.meta_path.insert(0, _Announcer(packages, output))
    faults = dict[str, str]()
    names = list(packages)
    while names:
        name = names.pop(0)
        try:
            module = importlib.import_module(name)
        # `exit()` in a module raises SystemExit.
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
            faults.setdefault(_raising_module(error, packages) or name, f"the import fails with {_reason(error)}")
            continue
        names += [f"{name}.{each.name}" for each in pkgutil.iter_modules(getattr(module, "__path__", ()))]
    for name, reason in faults.items():
        output.fault(name, reason)
    return len(faults)


def _raising_module(error: BaseException, packages: tuple[str, ...]) -> str | None:
    """The innermost generated module that the error went through."""
    names = [str(frame.f_globals.get("__name__")) for frame, _ in traceback.walk_tb(error.__traceback__)]
    return next((name for name in reversed(names) if name.partition(".")[0] in packages), None)


class _Trials:
    def __init__(self, task: dict[str, Any], output: Output) -> None:
        import msgspec  # noqa: PLC0415 - as in `main`

        self._task, self._output = task, output
        self._msgspec = msgspec
        self._types = importlib.import_module(task["wire"])
        self._models = importlib.import_module(f"{task['client']}.models")
        # As in the SDK: JSON Schema calls 5.0 an integer; msgspec and Python do not.
        self._decoder = msgspec.json.Decoder(float_hook=_parse_float)

    def run(self) -> None:
        broken = set[str]()
        for name in self._wire_types():
            self._output.begin(f"{self._task['wire']}.{name}")
            try:
                self._msgspec.json.Decoder(getattr(self._types, name))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
                broken.add(name)
                self._output.fault(f"{self._task['wire']}.{name}", f"no decoder: {_reason(error)}")
        for number, trial in enumerate(self._task["trials"]):
            if trial["kind"] == "wire" and trial["name"] in broken:
                continue
            self._output.begin(number)
            try:
                reason = getattr(self, f"try_{trial['kind']}")(trial)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
                reason = f"raises {_reason(error)}"
            if reason:
                self._output.fault(number, reason)

    def _wire_types(self) -> list[str]:
        """Every class and alias that the module defines itself."""
        imported = {"Annotated", "Any", "Literal", "Meta", "Struct", "TypeAlias", "Union", "UnsetType", "Enum"}
        return [
            name
            for name, value in vars(self._types).items()
            if not name.startswith("_")
            and name not in imported
            and (
                getattr(value, "__module__", None) == self._types.__name__
                if isinstance(value, type)
                else typing.get_origin(value) is not None or isinstance(value, types.UnionType)
            )
        ]

    def _check(self, name: str, text: str) -> str:
        """Empty if the wire check accepts a text."""
        try:
            self._msgspec.convert(self._decoder.decode(text), getattr(self._types, name))
        except self._msgspec.ValidationError as error:
            return str(error)
        return ""

    def try_wire(self, trial: dict[str, Any]) -> str:
        refusal = self._check(trial["name"], trial["text"])
        if trial["valid"]:
            return f"is valid, and the wire check refuses it: {refusal}" if refusal else ""
        return "" if refusal else "is not valid, and the wire check accepts it"

    def try_model(self, trial: dict[str, Any]) -> str:
        given = json.loads(trial["text"])
        model = getattr(self._models, trial["name"])
        return _difference(_plain(_built(given, model)), json.loads(trial["text"]))

    def try_fault(self, trial: dict[str, Any]) -> str:
        return str(trial["reason"])

    def try_response(self, trial: dict[str, Any]) -> str:
        httpx = importlib.import_module("httpx")
        package = importlib.import_module(self._task["client"])
        client = package.Client("http://localhost", raise_on_unexpected_status=True)
        headers = {"content-type": trial["media_type"]}
        response = httpx.Response(trial["status"], content=trial["text"].encode(), headers=headers)
        parsed = importlib.import_module(trial["module"])._parse_response(client=client, response=response)  # noqa: SLF001
        return _difference(_plain(parsed), json.loads(trial["text"]))

    def try_request(self, trial: dict[str, Any]) -> str:
        function = importlib.import_module(trial["module"])._get_kwargs  # noqa: SLF001
        hints = typing.get_type_hints(function)
        # An argument that is left out may have a default, which is then sent. UNSET is not sent.
        unset = importlib.import_module(f"{self._task['client']}.types").UNSET
        arguments = {name: unset for name, hint in hints.items() if type(unset) in typing.get_args(hint)}
        arguments |= {name: _argument(value, hints[name]) for name, value in trial["arguments"].items()}
        if "body" in trial:
            hint = getattr(self._models, trial["model"]) if trial["model"] else hints["body"]
            arguments["body"] = self._form(trial, hint) if "parts" in trial else _argument(trial["body"], hint)
        httpx = importlib.import_module("httpx")
        settings = function(**arguments)
        request = httpx.Request(**{**settings, "url": f"http://localhost{settings['url']}"})
        request.read()
        return sent_otherwise(trial, request)

    def _form(self, trial: dict[str, Any], model: Json) -> Json:
        """A form with files. A generated model reads a file from bytes."""
        form = model.from_dict(
            {name: _encoded(value) if name in trial["files"] else _text(value) for name, value in trial["body"].items()}
        )
        file_class = importlib.import_module(f"{self._task['client']}.types").File
        values = [getattr(form, field.name) for field in importlib.import_module("attrs").fields(model)]
        values += getattr(form, "additional_properties", {}).values()
        for file in [one for value in values for one in (value if _is_list(value) else [value])]:
            if isinstance(file, file_class):
                file.file_name, file.mime_type = _FILE_NAME, _FILE_TYPE
        return form


def sent_otherwise(trial: dict[str, Any], request: Json) -> str:
    """The first difference between a request and the document; empty if there is none."""
    path = request.url.raw_path.decode().partition("?")[0]
    # A slash inside an argument is not the same as one between two parts of the path.
    if [unquote(part) for part in path.split("/")] != [unquote(part) for part in trial["path"].split("/")]:
        return f"is sent to the path {path}, not to {trial['path']}"
    query, right = request.url.params.multi_items(), [(name, text) for name, text in trial["query"]]
    if sorted(query) != sorted(right):
        return f"is sent as the query {urlencode(query)}, not as {urlencode(right)}"
    for name, value in trial["headers"]:
        if request.headers.get(name) != value:
            return f"is sent as the header {name}: {request.headers.get(name)}, not as {value}"
    cookies = request.headers.get("cookie", "")
    for name, value in trial["cookies"]:
        if f"{name}={value}" not in cookies.split("; "):
            return f"is sent as the cookie {cookies}, not as {name}={value}"
    return _body_otherwise(trial, request) if "body" in trial else ""


def _body_otherwise(trial: dict[str, Any], request: Json) -> str:
    content: bytes = request.content
    if trial["body_type"] == "json":
        back = json.loads(content)
        return "" if _canonical(back) == _canonical(trial["body"]) else f"is sent as {_shown(back)}"
    if trial["body_type"] == "data":
        pairs = [list(pair) for pair in parse_qsl(content.decode(), keep_blank_values=True)]
        return "" if sorted(pairs) == sorted(trial["form"]) else f"is sent as {content.decode()}"
    return _parts_otherwise(trial["parts"], request)


def _parts_otherwise(expected: list[dict[str, Any]], request: Json) -> str:
    """The first difference between the parts of a multipart form and the document; empty if there is none."""
    boundary = request.headers["content-type"].partition("boundary=")[2]
    sent = [_part(raw) for raw in request.content.split(f"--{boundary}".encode())[1:-1]]
    for part in expected:
        found = next((each for each in sent if each[0] == part["name"]), None)
        if found is None:
            return f"is sent without {part['name']}"
        sent.remove(found)
        _, text, media_type, file_name = found
        right = part["json"] if "json" in part else part["text"]
        back = json.loads(text) if "json" in part else text
        if "is_file" in part and (media_type, file_name) != (_FILE_TYPE, _FILE_NAME):
            return f"is sent with the file {part['name']} as {file_name} of the type {media_type}"
        if _canonical(back) != _canonical(right):
            return f"is sent with {_shown(back)} in {part['name']}, not with {_shown(right)}"
        if not any(fnmatch.fnmatchcase(media_type, each) for each in part.get("types", ["*"])):
            return f"is sent with the type {media_type} of {part['name']}, not {' or '.join(part['types'])}"
    return f"is sent with {sent[0][0]} too" if sent else ""


def _part(raw: bytes) -> tuple[str, str, str, str | None]:
    """The name, the text, the media type and the file name of one part."""
    head, _, content = raw.decode().removeprefix("\r\n").removesuffix("\r\n").partition("\r\n\r\n")
    # httpx escapes a backslash by another one, and other characters as in a URL.
    texts = {key: unquote(text.replace("\\\\", "\\")) for key, text in re.findall(r'; (name|filename)="([^"]*)"', head)}
    media_type = re.search(r"(?im)^content-type: *([^;\r\n]*)", head)
    return texts["name"], content, media_type[1].strip().lower() if media_type else "", texts.get("filename")


def _encoded(value: Json) -> Json:
    if _is_list(value):
        return [_encoded(item) for item in value]
    return value.encode() if isinstance(value, str) else value


def _text(value: Json) -> Json:
    """A value of a multipart form, in which booleans are texts."""
    if _is_list(value):
        return [_text(item) for item in value]
    return json.dumps(value) if isinstance(value, bool) else value


def _argument(value: Json, hint: Json) -> Json:
    """A value of JSON as an argument of the type `hint`."""
    members = typing.get_args(hint)
    if typing.get_origin(hint) in _UNIONS:
        for member in members:
            with contextlib.suppress(TypeError, ValueError, KeyError, AttributeError):
                made = _argument(value, member)
                if _canonical(_plain(made)) == _canonical(value) or (str in members and isinstance(made, str)):
                    return made
        raise TypeError(f"no type of {hint} has the value {_shown(value)}")
    if members and _is_list(value):
        return [_argument(item, members[0]) for item in value]
    if hint in {datetime.datetime, datetime.date}:
        return hint.fromisoformat(value)
    if hint is str and isinstance(value, bool | int | float):
        # The type is `str` where the generated code would write another value as Python does.
        return json.dumps(value)
    if isinstance(hint, type) and hint is not Any:
        if hasattr(hint, "from_dict") or issubclass(hint, enum.Enum | uuid.UUID):
            return _built(value, hint)
        _check_type(value, typing.cast("Json", hint))
    return value


def _check_type(value: Json, hint: Json) -> None:
    fits = isinstance(value, int | float) if hint is float else isinstance(value, hint)
    if not fits or isinstance(value, bool) is not (hint is bool):
        raise TypeError(f"{_shown(value)} is not of the type {hint}")


def _parse_float(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _difference(back: object, given: object) -> str:
    if _canonical(back) == _canonical(given):
        return ""
    return f"comes back from the model as {_shown(back)}"


def _shown(value: object) -> str:
    text = re.sub(r" object at 0x[0-9a-f]+", "", json.dumps(value, default=repr, ensure_ascii=False))
    return text if len(text) <= 200 else f"{text[:197]}..."


def _canonical(value: object) -> str:
    """The same text for the same JSON: 1 and 1.0 are one number, and true is none."""
    return json.dumps(_whole(value), sort_keys=True, default=repr)


def _whole(value: Json) -> Json:
    if _is_object(value):
        return {key: _whole(inner) for key, inner in value.items()}
    if _is_list(value):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _built(value: Json, model: Json) -> Json:
    return model.from_dict(value) if hasattr(model, "from_dict") else model(value)


def _plain(value: Json) -> Json:
    """A value of the generated client as JSON."""
    if hasattr(value, "to_dict"):
        return value.to_dict()
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, datetime.date | datetime.datetime):
        return value.isoformat()
    if isinstance(value, uuid.UUID):
        return str(value)
    if _is_list(value):
        return [_plain(item) for item in value]
    return value


if __name__ == "__main__":
    main()
