"""Tries out the types and functions of the generated packages."""

from __future__ import annotations

import importlib
import json
import types
import typing
from typing import Any

from .arguments import argument, encoded, text_of
from .comparison import FILE_NAME, FILE_TYPE, sent_otherwise
from .output import Output, reason_of
from .values import Json, built, difference, is_list, parse_float, plain


class Trials:
    """The trials of a task."""

    def __init__(self, task: dict[str, Any], output: Output) -> None:
        import msgspec  # noqa: PLC0415 - `run` imports it at the right time

        self._task, self._output = task, output
        self._msgspec = msgspec
        self._types = importlib.import_module(task["wire"])
        self._models = importlib.import_module(f"{task['client']}.models")
        # As in the SDK: JSON Schema calls 5.0 an integer; msgspec and Python do not.
        self._decoder = msgspec.json.Decoder(float_hook=parse_float)

    def run(self) -> None:
        """Makes every decoder, and runs every trial."""
        broken = set[str]()
        for name in self._wire_types():
            self._output.begin(f"{self._task['wire']}.{name}")
            try:
                self._msgspec.json.Decoder(getattr(self._types, name))
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
                broken.add(name)
                self._output.fault(f"{self._task['wire']}.{name}", f"no decoder: {reason_of(error)}")
        for number, trial in enumerate(self._task["trials"]):
            if trial["kind"] == "wire" and trial["name"] in broken:
                continue
            self._output.begin(number)
            try:
                reason = getattr(self, f"try_{trial['kind']}")(trial)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is reported
                reason = f"raises {reason_of(error)}"
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
        """The wire check accepts a valid text, and refuses one that is not valid."""
        refusal = self._check(trial["name"], trial["text"])
        if trial["valid"]:
            return f"is valid, and the wire check refuses it: {refusal}" if refusal else ""
        return "" if refusal else "is not valid, and the wire check accepts it"

    def try_model(self, trial: dict[str, Any]) -> str:
        """A model gives back the JSON that it was made from."""
        given = json.loads(trial["text"])
        model = getattr(self._models, trial["name"])
        return difference(plain(built(given, model)), json.loads(trial["text"]))

    def try_fault(self, trial: dict[str, Any]) -> str:
        """A fault that is known before any code runs."""
        return str(trial["reason"])

    def try_response(self, trial: dict[str, Any]) -> str:
        """The generated function parses a response."""
        httpx = importlib.import_module("httpx")
        package = importlib.import_module(self._task["client"])
        client = package.Client("http://localhost", raise_on_unexpected_status=True)
        headers = {"content-type": trial["media_type"]}
        response = httpx.Response(trial["status"], content=trial["text"].encode(), headers=headers)
        parsed = importlib.import_module(trial["module"])._parse_response(client=client, response=response)  # noqa: SLF001
        return difference(plain(parsed), json.loads(trial["text"]))

    def try_request(self, trial: dict[str, Any]) -> str:
        """The generated function makes the request that the document describes."""
        function = importlib.import_module(trial["module"])._get_kwargs  # noqa: SLF001
        hints = typing.get_type_hints(function)
        # An argument that is left out may have a default, which is then sent. UNSET is not sent.
        unset = importlib.import_module(f"{self._task['client']}.types").UNSET
        arguments = {name: unset for name, hint in hints.items() if type(unset) in typing.get_args(hint)}
        arguments |= {name: argument(value, hints[name]) for name, value in trial["arguments"].items()}
        if "body" in trial:
            hint = getattr(self._models, trial["model"]) if trial["model"] else hints["body"]
            arguments["body"] = self._form(trial, hint) if "parts" in trial else argument(trial["body"], hint)
        httpx = importlib.import_module("httpx")
        settings = function(**arguments)
        request = httpx.Request(**{**settings, "url": f"http://localhost{settings['url']}"})
        request.read()
        return sent_otherwise(trial, request)

    def _form(self, trial: dict[str, Any], model: Json) -> Json:
        """A form with files. A generated model reads a file from bytes."""
        form = model.from_dict(
            {
                name: encoded(value) if name in trial["files"] else text_of(value)
                for name, value in trial["body"].items()
            }
        )
        file_class = importlib.import_module(f"{self._task['client']}.types").File
        values = [getattr(form, field.name) for field in importlib.import_module("attrs").fields(model)]
        values += getattr(form, "additional_properties", {}).values()
        for file in [one for value in values for one in (value if is_list(value) else [value])]:
            if isinstance(file, file_class):
                file.file_name, file.mime_type = FILE_NAME, FILE_TYPE
        return form
